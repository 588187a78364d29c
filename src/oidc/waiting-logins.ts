import type { Context, Middleware } from 'koa'
import type { Provider } from 'oidc-provider'
import type { AccountDirectory } from '../accounts/directory.ts'
import { isUnended } from '../accounts/proof.ts'
import { type Clock, epochSeconds } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import type { SignIn } from './records/sign-in.ts'

interface Dependencies {
  /** Asked at each request, because it may have been replaced. */
  readonly provider: () => Provider
  readonly directory: Pick<AccountDirectory, 'find'>
  readonly clock: Clock
}

interface WaitingLogin {
  readonly accountId?: string
  readonly about?: Partial<SignIn>
}

/** Where the library takes up an authorization request again with what a page has left for it. */
const resumed = /^\/(?:auth|device)\//

/**
 * Before the library takes up a request again. SECURITY: a login waits in its interaction until its browser follows the redirect, and
 * beside an awaited consent it comes again. It is a proof like any other: what has ended proofs since has ended it, and the person is
 * asked again.
 */
export function dropEndedLogins({ provider, directory, clock }: Dependencies): Middleware {
  return async (ctx, next) => {
    const uid = resumed.test(ctx.path) ? cookieOf(ctx, provider()) : undefined
    const interaction = uid === undefined ? undefined : await provider().Interaction.find(uid)
    const login = (interaction?.result as { login?: WaitingLogin } | undefined)?.login
    if (interaction && login && !(await isStanding(login))) {
      delete interaction.result
      await interaction.save(interaction.exp - epochSeconds(clock))
    }
    await next()
  }

  async function isStanding({ accountId, about }: WaitingLogin): Promise<boolean> {
    const account = isId('usr', accountId) ? await directory.find(accountId) : undefined
    return account?.user.status === 'active' && isUnended(account.user, { begunAt: about?.begunAt ?? 0 })
  }
}

function cookieOf(ctx: Context, provider: Provider): string | undefined {
  return ctx.cookies.get(provider.cookieName('resume'), { signed: true })
}
