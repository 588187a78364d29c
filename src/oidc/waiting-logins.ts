import type { Middleware } from 'koa'
import type { Interaction, Provider } from 'oidc-provider'
import type { AccountDirectory } from '../accounts/directory.ts'
import { isFresh, isUnended } from '../accounts/proof.ts'
import { type Clock, epochSeconds } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import { demandOf, isTooOld } from './demand.ts'
import { resumedUid } from './library/cookies.ts'
import type { SignIn } from './records/sign-in.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'

interface Dependencies {
  /** Asked at each request, because it may have been replaced. */
  readonly provider: () => Provider
  readonly directory: Pick<AccountDirectory, 'find'>
  readonly units: Pick<UnitOfWork, 'current'>
  readonly clock: Clock
}

interface FinishedLogin {
  readonly accountId?: string
  /** When it was proved, in seconds since the epoch. */
  readonly ts?: number
  readonly about?: Partial<SignIn>
}

/**
 * Where the library takes up an authorization request again with what a page has left for it. SECURITY: in whatever
 * letters, as the library reads it.
 */
const resumed = /^\/(?:auth|device)\//i
/** Seconds a browser has to follow a redirect, however young a login has to be. */
const followSeconds = 60

/**
 * Before the library takes up a request again. SECURITY: a login waits in its interaction until its browser follows the
 * redirect, and beside an awaited consent it comes again. It is a proof like any other: what has ended proofs since has
 * ended it, ten minutes have, and so has the age the request allows it. The person is asked again.
 */
export function dropEndedLogins({ provider, directory, units, clock }: Dependencies): Middleware {
  return async (ctx, next) => {
    const uid = resumed.test(ctx.path) ? resumedUid(ctx, provider()) : undefined
    const interaction = uid === undefined ? undefined : await provider().Interaction.find(uid)
    const login = (interaction?.result as { login?: FinishedLogin } | undefined)?.login
    if (interaction && login && !(await isStanding(login))) {
      delete interaction.result
      await interaction.save(interaction.exp - epochSeconds(clock))
    } else if (interaction && login && (await isStale(login, interaction))) {
      // What else was answered still is.
      delete interaction.result?.login
      await interaction.save(interaction.exp - epochSeconds(clock))
    }
    await next()
  }

  async function isStanding({ accountId, about }: FinishedLogin): Promise<boolean> {
    const account = isId('usr', accountId) ? await directory.find(accountId) : undefined
    // The library asks for the account next; what ends the login after this read is found when its writes are sent.
    if (account) units.current()?.accounts.set(account.user.id, account)
    return account?.user.status === 'active' && isUnended(account.user, { begunAt: about?.begunAt ?? 0 })
  }

  async function isStale({ ts = 0 }: FinishedLogin, { params, result }: Interaction): Promise<boolean> {
    if (!isFresh({ provedAt: ts * 1000 }, clock)) return true
    // Who reads what they are asked to agree to does not let a login wait.
    if (result?.consent) return false
    const client = await provider().Client.find(String(params['client_id']))
    return isTooOld(demandOf(params, client ?? {}), ts, epochSeconds(clock) - followSeconds)
  }
}
