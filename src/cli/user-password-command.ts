import { maskedLabel } from '../accounts/account-labels.ts'
import { passwordLinks } from '../accounts/password-links.ts'
import type { Account } from '../accounts/user.ts'
import { parseDuration } from '../base/duration.ts'
import type { UserId } from '../base/ids.ts'
import { paths } from '../base/paths.ts'
import type { Core } from '../build/core.ts'
import type { CommandContext } from './command.ts'
import { withReason } from './confirm.ts'
import { operatorOf, refuse } from './open-core.ts'
import { printJson } from './output.ts'
import { withUser } from './user-named.ts'

/** `users password reset-link`: a link by which the owner chooses another password without logging in. */
export async function resetLink(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  const seconds = secondsOf(context)
  if (typeof seconds === 'string') return refuse(context, seconds)
  return withReason(context, (why) =>
    withUser(context, async (account, core) => {
      const { id, status } = account.user
      if (status !== 'active') return refuse(context, `${id} is ${status}, and lets nobody in`)
      if (!account.identities.some(isTyped)) return refuse(context, noPasswordWithout)
      if (flags['dry-run'] === true) {
        if (flags['json'] === true) printJson(stdout, { id, would_change: true })
        else stdout.write(`would make a link for ${id} (${maskedLabel(account)})\n`)
        return 3
      }
      const link = await makeLink(core, context, { userId: id, why, seconds })
      if (flags['json'] === true) printJson(stdout, { id, ...link })
      else stdout.write(linkText(link))
      return 0
    }),
  )
}

/** A link and when it ends, as it is told. */
export interface MadeLink {
  readonly link: string
  readonly expires_at: string
}

interface Wanted {
  readonly userId: UserId
  readonly why: string
  readonly seconds: number
}

/** Makes a link; the audit has who and why, and not the link. */
export async function makeLink(
  core: Core,
  context: Pick<CommandContext, 'env'>,
  { userId, why, seconds }: Wanted,
): Promise<MadeLink> {
  const operator = operatorOf(context)
  const expires_at = new Date(core.clock() + seconds * 1000).toISOString()
  const secret = await passwordLinks(core).make({ userId, operator }, seconds)
  await core.audit.write({ event: 'password.link_made', userId, detail: { operator, why, expires_at } })
  const link = new URL(`${core.config.issuer.replace(/\/$/, '')}${paths.passwordLink}`)
  link.searchParams.set('link', secret)
  return { link: link.href, expires_at }
}

/** For a person at a terminal. */
export function linkText({ link, expires_at }: MadeLink): string {
  return `${link}\nworks once, until ${expires_at}; whoever has it has the account\n`
}

/** Why a password would help nobody. */
export const noPasswordWithout =
  'a password needs a user name, or a proved phone number or e-mail address, to log in with'

const [usualSeconds, leastSeconds, mostSeconds] = [3600, 60, 3 * 86_400]

/** How long a link is to work, or why that cannot be read. */
export function secondsOf({ flags }: Pick<CommandContext, 'flags'>): number | string {
  const said = flags['valid-for']
  const seconds = said === undefined ? usualSeconds : parseDuration(String(said))
  const isShort = seconds !== undefined && seconds >= leastSeconds && seconds <= mostSeconds
  return isShort ? seconds : '--valid-for: from 1m to 3d'
}

/** What somebody may type beside a password. */
function isTyped({ provider, verifiedAt }: Account['identities'][number]): boolean {
  return ['phone', 'email', 'username'].includes(provider) && verifiedAt !== undefined
}
