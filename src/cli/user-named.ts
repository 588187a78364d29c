import { type ParsedIdentifier, parseIdentifier } from '../accounts/identifier.ts'
import { survivorOf } from '../accounts/merged-users.ts'
import type { Account } from '../accounts/user.ts'
import { AppError } from '../base/errors.ts'
import { isId, type UserId } from '../base/ids.ts'
import type { Core } from '../build/core.ts'
import type { CommandContext } from './command.ts'
import { refuse, withCore } from './open-core.ts'

/** Does something with the user named by the first argument; refuses when there is none. */
export async function withUser(
  context: CommandContext,
  work: (account: Account, core: Core) => Promise<number>,
): Promise<number> {
  const [typed = ''] = context.args
  const named = read(typed)
  if (!named) return refuse(context, notReadable)
  return withCore(context, async (core) => {
    const account = await find(core, named)
    return account ? work(account, core) : refuse(context, `there is no user with this ${kindOf(named)}`)
  })
}

/**
 * Finds a user by a name that may also name something else; answers a sentence when there is no such user and the name
 * can only be a user's.
 */
export async function userNamed(core: Core, typed: string): Promise<Account | string | undefined> {
  const named = read(typed)
  const account = named && (await find(core, named))
  if (account) return account
  return named && kindOf(named) !== 'user name' ? `there is no user with this ${kindOf(named)}` : undefined
}

type Named = { readonly id: UserId } | ParsedIdentifier

/** The id of an account that became part of another one stands for that one. */
async function find({ directory, database }: Core, named: Named): Promise<Account | undefined> {
  const found = 'id' in named ? survivorOf(database, named.id) : directory.findByIdentifier(named)
  const userId = await found.then((each) => (typeof each === 'object' ? each.userId : each))
  return userId && directory.find(userId)
}

const notReadable = 'expected the id of a user (usr_…), a phone number, an e-mail address or a user name'

function read(typed: string): Named | undefined {
  if (isId('usr', typed)) return { id: typed }
  try {
    return parseIdentifier(typed)
  } catch (error) {
    if (error instanceof AppError) return undefined
    throw error
  }
}

function kindOf(named: Named): string {
  if ('id' in named) return 'id'
  return { phone: 'phone number', email: 'e-mail address', username: 'user name' }[named.provider]
}
