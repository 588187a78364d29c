import { parseIdentifier } from '../accounts/identifier.ts'
import type { UserStatus } from '../accounts/user.ts'
import {
  findByNickname,
  findBySubject,
  findListed,
  type ListedUser,
  listUsers,
  type NameCursor,
} from '../accounts/user-search.ts'
import { isId } from '../base/ids.ts'
import { maskSubject } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { cursorText, type TimeCursor } from '../store/cursor.ts'
import type { CommandContext } from './command.ts'
import { noteLook, refusesFull } from './looked-up.ts'
import { refuse, withCore } from './open-core.ts'
import { printJson, tableText } from './output.ts'
import { limitOf, notACursor, pageOf, tellNext, timesOf } from './paging.ts'

const statuses: readonly UserStatus[] = ['active', 'locked', 'deleted']

/** `users list`: people, those who came last first. */
export async function list(context: CommandContext): Promise<number> {
  const { flags } = context
  const page = pageOf(context)
  if ('problem' in page) return refuse(context, page.problem)
  const status = statuses.find((each) => each === flags['status'])
  if (flags['status'] !== undefined && !status) return refuse(context, `--status: one of ${statuses.join(', ')}`)
  const times = timesOf(context, 'created-since', 'created-until', 'used-since', 'unused-since')
  if (typeof times === 'string') return refuse(context, times)
  const filter = {
    status,
    createdSince: times['created-since'],
    createdUntil: times['created-until'],
    usedSince: times['used-since'],
    unusedSince: times['unused-since'],
  }
  const refused = refusesFull(context)
  if (refused !== undefined) return refused
  return withCore(context, async (core) => {
    const { users, next } = await listUsers(core.database, filter, page)
    await noteLook(core, context, { command: 'users list', shown: users.length })
    return tell(
      context,
      users.map((user) => ({ user })),
      next && cursorText(next),
    )
  })
}

/** What a person was found by. */
type FoundBy = 'id' | 'phone' | 'email' | 'username' | 'subject' | 'nickname'

interface Found {
  readonly user: ListedUser
  readonly by?: FoundBy
}

/**
 * `users find`: people by whatever support has of them. What names one person comes first, then those whose nickname
 * begins so.
 */
export async function find(context: CommandContext): Promise<number> {
  const [typed = ''] = context.args
  const text = typed.trim()
  const limit = limitOf(context)
  if (typeof limit === 'string') return refuse(context, limit)
  if (text === '' || text.length > mostTyped || text.includes('\0')) return refuse(context, 'say whom to find')
  const after = nameCursor(context.flags['after'])
  if (context.flags['after'] !== undefined && !after) return refuse(context, notACursor)
  const refused = refusesFull(context)
  if (refused !== undefined) return refused
  return withCore(context, async (core) => {
    const exact = after ? [] : await exactly(core, text)
    const named = await findByNickname(core.database, text, { after, limit })
    const known = new Set(exact.map(({ user }) => user.id))
    const others = named.users.filter(({ id }) => !known.has(id)).map((user) => ({ user, by: 'nickname' as const }))
    const found = [...exact, ...others]
    const asked = { by: [...new Set(found.map(({ by }) => by))].join(' ') }
    const [only] = found.length === 1 ? found : []
    await noteLook(core, context, { command: 'users find', userId: only?.user.id, asked, shown: found.length })
    if (found.length === 0) return refuse(context, 'nobody is found by this')
    return tell(context, found, named.next && nameCursorText(named.next))
  })
}

const mostTyped = 320

async function exactly({ database, directory }: Core, text: string): Promise<readonly Found[]> {
  const found: Found[] = []
  const add = (user: ListedUser | undefined, by: FoundBy) => {
    if (user && found.every((each) => each.user.id !== user.id)) found.push({ user, by })
  }
  if (isId('usr', text)) add(await findListed(database, text), 'id')
  const identifier = identifierIn(text)
  const owner = identifier && (await directory.findByIdentifier(identifier))
  if (identifier && owner) add(await findListed(database, owner.userId), identifier.provider)
  for (const user of await findBySubject(database, text)) add(user, 'subject')
  return found
}

function identifierIn(text: string) {
  try {
    return parseIdentifier(text)
  } catch {
    return undefined
  }
}

/** A nickname is whatever somebody typed, so a cursor carries it as base64url. */
function nameCursorText({ name, id }: NameCursor): string {
  return `${Buffer.from(name).toString('base64url')}.${id}`
}

function nameCursor(text: unknown): NameCursor | undefined {
  const [, name, id] = /^([\w-]{1,400})\.(usr_[0-9a-z]{26})$/.exec(String(text)) ?? []
  return name === undefined || id === undefined ? undefined : { name: Buffer.from(name, 'base64url').toString(), id }
}

function tell(context: CommandContext, found: readonly Found[], next: string | TimeCursor | undefined): number {
  const { flags, stdout } = context
  const shown = (provider: string, subject: string) =>
    flags['full'] === true ? subject : maskSubject(provider, subject, { withNamespace: true })
  if (flags['json'] === true) {
    const items = found.map(({ user, by }) => ({
      id: user.id,
      status: user.status,
      nickname: user.nickname,
      created_at: user.created_at.toISOString(),
      last_used_at: user.last_used_at?.toISOString() ?? null,
      identities: user.identities.map(({ provider, subject, verified }) => ({
        provider,
        subject: shown(provider, subject),
        verified,
      })),
      ...(by ? { found_by: by } : {}),
    }))
    printJson(stdout, { items, next: next ?? null })
    return 0
  }
  const isFound = found.some(({ by }) => by)
  const cells = found.map(({ user, by }) => [
    user.id,
    user.status,
    user.nickname,
    user.identities
      .map(
        ({ provider, subject, verified }) =>
          `${provider} ${shown(provider, subject)}${verified ? '' : ' (not proved)'}`,
      )
      .join(', '),
    user.created_at,
    user.last_used_at,
    ...(isFound ? [by] : []),
  ])
  const head = ['user', 'status', 'nickname', 'identities', 'created', 'last used', ...(isFound ? ['found by'] : [])]
  stdout.write(tableText(head, cells))
  tellNext(context, next)
  return 0
}
