import type { DeviceCode, Grant, KoaContextWithOIDC } from 'oidc-provider'
import { type Clock, epochSeconds } from '../base/clock.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { grantMarginSeconds, grantSeconds } from './clients/lifetimes.ts'
import { newGrant } from './library/models.ts'
import { deviceName, type SignIn } from './records/sign-in.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'

interface Dependencies {
  readonly policies: ClientPolicies
  readonly units: UnitOfWork
  readonly clock: Clock
}

/**
 * The grant of this browser session for this client. For our own clients whatever the request names is granted without
 * asking; for others only what a person agreed to. A grant that would end before the tokens it carries is prolonged, at
 * most once a day, because a refresh token dies with its grant. A grant of another account is not used, nor, where
 * somebody has just logged in to a native app of ours, the one of their login before: the app gives that one's tokens
 * back.
 */
export function existingGrant({ policies, units, clock }: Dependencies) {
  return async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const { client, account, session, params, result, provider, entities } = ctx.oidc
    if (!client || !account || !session) return undefined
    const agreed = result?.consent?.grantId
    const grantId = agreed ?? session.grantIdFor(client.clientId)
    const found = grantId ? await provider.Grant.find(grantId) : undefined
    const isFirstParty = policies.isFirstParty(client)
    const isOwnLogin = isFirstParty && client.applicationType === 'native' && result?.login && !entities.DeviceCode
    const isMine = found?.accountId === account.accountId && found.clientId === client.clientId
    const mine = isMine && (agreed || !isOwnLogin) ? found : undefined
    if (!mine && !isFirstParty) return undefined

    const grant = mine ?? newGrant(provider, { accountId: account.accountId, clientId: client.clientId })
    const changed = isFirstParty && grantRequested(grant, ctx, String(params?.['scope'] ?? ''))
    const wantedExp = epochSeconds(clock) + grantSeconds(policies.lifetimes(client))
    // A page has kept what the person just agreed to, without saying where: this request adds it, and what a further
    // login was made with.
    if (!mine || agreed || changed || result?.login || wantedExp - (grant.exp ?? 0) > grantMarginSeconds) {
      grant.exp = Math.max(grant.exp ?? 0, wantedExp)
      const id = await grant.save()
      if (entities.DeviceCode) units.current()?.describe(id, deviceOf(entities.DeviceCode))
    }
    return grant
  }
}

/** The device that shows the code, which is not the browser in which somebody allows it. */
function deviceOf({ deviceInfo }: DeviceCode): Partial<SignIn> {
  const { ip, ua } = (deviceInfo ?? {}) as { readonly ip?: unknown; readonly ua?: unknown }
  return { device: typeof ua === 'string' ? deviceName(ua) : undefined, ...(typeof ip === 'string' ? { ip } : {}) }
}

/** Adds what the request asks for and the grant lacks; true when something was added. */
function grantRequested(grant: Grant, ctx: KoaContextWithOIDC, scope: string): boolean {
  const before = JSON.stringify([grant.openid, grant.resources])
  if (scope !== '') grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '))
  if (ctx.oidc.requestParamClaims.size > 0) grant.addOIDCClaims([...ctx.oidc.requestParamClaims])
  for (const [identifier, server] of Object.entries(ctx.oidc.resourceServers ?? {})) {
    const asked = scope.split(' ').filter((each) => server.scopes.has(each))
    grant.addResourceScope(identifier, asked.join(' '))
  }
  return before !== JSON.stringify([grant.openid, grant.resources])
}
