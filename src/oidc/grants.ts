import type { DeviceCode, Grant, KoaContextWithOIDC } from 'oidc-provider'
import { type Clock, epochSeconds } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { askedForIn, consentKeysOf, settledBy } from './asked-for.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { grantMarginSeconds, grantSeconds } from './clients/lifetimes.ts'
import { settleGrant } from './library/grant-scopes.ts'
import { newGrant } from './library/models.ts'
import { isPromptPending } from './library/prompts.ts'
import { consentTo } from './records/consents.ts'
import { deviceName, type SignIn } from './records/sign-in.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'

interface Dependencies {
  readonly policies: ClientPolicies
  readonly units: UnitOfWork
  readonly database: Pick<Database, 'readQuery'>
  readonly clock: Clock
}

/**
 * The grant of this browser session for this client. For our own clients whatever the request names is granted without
 * asking; for others only what a person agreed to, whenever and in whichever browser that was. This alone decides
 * whether somebody is asked: without a grant the library asks for all of the request. A grant that would end before the
 * tokens it carries is prolonged, at most once a day, because a refresh token dies with its grant. A grant of another
 * account is not used, nor, where somebody has just logged in to a native app of ours, the one of their login before:
 * the app gives that one's tokens back.
 */
export function existingGrant({ policies, units, database, clock }: Dependencies) {
  return async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const { client, account, session, params, result, provider, entities } = ctx.oidc
    // Whoever asks for the page itself has its person shown all of the request.
    if (!client || !account || !session || isPromptPending(ctx, 'consent')) return undefined
    const grantId = session.grantIdFor(client.clientId)
    const found = grantId ? await provider.Grant.find(grantId) : undefined
    const isFirstParty = policies.isFirstParty(client)
    const isOwnLogin = isFirstParty && client.applicationType === 'native' && result?.login && !entities.DeviceCode
    const isMine = found?.accountId === account.accountId && found.clientId === client.clientId
    const mine = isMine && !isOwnLogin ? found : undefined
    const settle = isFirstParty ? undefined : await agreed(ctx)
    if (!settle && !isFirstParty) return undefined

    const grant = mine ?? newGrant(provider, { accountId: account.accountId, clientId: client.clientId })
    const changed = settle ? settle(grant) : grantRequested(grant, ctx, String(params?.['scope'] ?? ''))
    const wantedExp = epochSeconds(clock) + grantSeconds(policies.lifetimes(client))
    // What a further login was made with is added to the grant.
    if (!mine || changed || result?.login || wantedExp - (grant.exp ?? 0) > grantMarginSeconds) {
      grant.exp = Math.max(grant.exp ?? 0, wantedExp)
      const id = await grant.save()
      if (entities.DeviceCode) units.current()?.describe(id, deviceOf(entities.DeviceCode))
    }
    return grant
  }

  /** What has the grant say what the person decided; undefined when they are to be asked. */
  async function agreed(ctx: KoaContextWithOIDC): Promise<((grant: Grant) => boolean) | undefined> {
    const { client, account } = ctx.oidc
    if (!client || !isId('usr', account?.accountId)) return undefined
    const of = { userId: account.accountId, clientId: client.clientId }
    const decisions = await consentTo(database, of)
    const asked = askedForIn(ctx)
    const keys = consentKeysOf(asked, client)
    if (!decisions || keys.some((key) => decisions[key] === undefined)) return undefined
    // SECURITY: a grant that is written while this is being taken back would outlive it.
    const unit = units.current()
    if (unit) unit.consent = { ...of, keys: keys.filter((key) => decisions[key]) }
    return (grant) => settleGrant(grant, settledBy(decisions, asked, client))
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
