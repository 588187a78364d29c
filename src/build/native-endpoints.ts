import type { Context, Middleware } from 'koa'
import { reachedBy } from '../../interactions/methods/method-registry.ts'
import { AuthSessions } from '../../interactions/native/auth-session.ts'
import { Challenge } from '../../interactions/native/challenge.ts'
import { Gate } from '../../interactions/native/gate.ts'
import { OwnIdentities } from '../../interactions/native/identities.ts'
import { nativeRoutes, nativeTokenAnswers, type Proofs } from '../../interactions/native/native-routes.ts'
import { OwnChanges } from '../../interactions/native/own-changes.ts'
import { OwnConsents } from '../../interactions/native/own-consents.ts'
import { OwnDeletion } from '../../interactions/native/own-deletion.ts'
import { OwnMerges } from '../../interactions/native/own-merges.ts'
import { nativeSteps } from '../../interactions/native/steps.ts'
import { undoableMerges } from '../accounts/merged-users.ts'
import { ownRoutes } from '../http/own-routes.ts'
import { attestedInstallation } from '../oidc/clients/attestation.ts'
import { shownNameOf } from '../oidc/clients/client-brand.ts'
import { CodeIssuer } from '../oidc/code-issuer.ts'
import { dpopThumbprint } from '../oidc/dpop.ts'
import { listAuthorisedApps, withdrawConsent } from '../oidc/endings/authorised-apps.ts'
import { ownAccess } from '../oidc/own-endpoint-access.ts'
import type { UnitOfWork } from '../oidc/records/unit-of-work.ts'
import { renewSignIn } from '../oidc/renew-sign-in.ts'
import type { OidcRuntime } from '../oidc/runtime.ts'
import { sealing } from '../store/seal.ts'
import type { Pages } from './browser-pages.ts'
import type { Core } from './core.ts'
import type { Logins } from './logins.ts'

/** The endpoints for apps that draw their own screens. */
export interface Native {
  readonly challenge: Challenge
  readonly routes: Middleware
  /** Middleware around the library. */
  readonly tokenAnswers: Middleware
}

interface Dependencies {
  readonly core: Core
  readonly logins: Logins
  readonly pages: Pick<Pages, 'words'>
  readonly units: UnitOfWork
  /** Asked at each request, because the provider may have been replaced. */
  readonly runtime: () => Pick<OidcRuntime, 'provider' | 'policies' | 'hasOlder'>
}

/** How long an app may come back with its `auth_session` to prove more. */
const keptMs = 30 * 86_400_000

/** Builds the second front end of the login attempts. */
export function buildNative({ core, logins, pages, units, runtime }: Dependencies): Native {
  const { config, clock, store, marks, sealer, directory } = core
  const { native, limits, passwords, devices } = logins
  const { words } = pages
  const provider = () => runtime().provider()
  const policies = () => runtime().policies()

  const gate = new Gate({
    limits,
    checks: logins.checks.apps,
    asksAlways: config.captcha !== undefined,
  })
  const challenge = new Challenge({
    issuer: new CodeIssuer({
      ...{ provider, policies, units, clock, hasOlder: () => runtime().hasOlder() },
      reachable: reachedBy(native.methods, logins.methods),
    }),
    sessions: new AuthSessions({
      store,
      clock,
      ...sealing(sealer, 'auth_session'),
    }),
    attempts: native.attempts,
    steps: nativeSteps({ methods: native.methods, directory, nowMs: clock }),
    gate,
    options: {
      methods: native.methods,
      webMethods: logins.methods,
      agreements: config.agreements.map((each) => ({ ...each, url: new URL(each.url, config.issuer).href })),
      agreementTitle: words.agreementTitle,
      nowMs: clock,
      rememberDevice: (device, use) => devices.rememberApp(device, use),
      keptMs,
    },
  })

  const address = (ctx: Context) => `${config.issuer}${ctx.path}`
  const proofs: Proofs = {
    key: async (ctx, { accessToken, expected }) => {
      const proof = ctx.get('dpop')
      if (proof === '' && accessToken === undefined) return undefined
      const given = { proof, method: ctx.method, url: address(ctx), accessToken, expected }
      return dpopThumbprint({ marks, clock }, given)
    },
    attested: (ctx, client) =>
      attestedInstallation({ store, clock, issuer: config.issuer }, client, {
        attestation: ctx.get('oauth-client-attestation'),
        pop: ctx.get('oauth-client-attestation-pop'),
      }),
  }

  const access = (ctx: Context, scope: string) =>
    ownAccess(
      { provider, policies, units, directory },
      {
        authorization: ctx.get('authorization'),
        scope,
        proof: ctx.get('dpop'),
        key: async (accessToken) => (await proofs.key(ctx, { accessToken })) ?? '',
      },
    )
  const consents = new OwnConsents({
    access,
    list: (userId) => listAuthorisedApps(core, userId),
    withdraw: (of, ending) => withdrawConsent(core, of, ending),
    client: (clientId) => provider().Client.find(clientId),
    texts: { translate: words.forPeople, locale: words.locale, policies },
  })
  const identities = new OwnIdentities({
    access,
    find: (userId) => directory.find(userId),
    bindings: native.bindings,
    renew: (grantId) => renewSignIn(core, { grantId }),
    passwords,
    waitingFor: (userId) => logins.changes.waitingFor(userId),
    steps: nativeSteps({ methods: native.bindings.methods, directory, nowMs: clock }),
    options: { words, nowMs: clock, digest: (grantId) => sealer.mac('binding', `native ${grantId}`) },
  })

  const changes = new OwnChanges({
    access: (ctx) => access(ctx, 'identities'),
    fresh: (ctx) => identities.fresh(ctx),
    changes: logins.changes,
    steps: nativeSteps({ methods: logins.bindings.methods, directory, nowMs: clock }),
    options: { words, digest: (grantId) => sealer.mac('binding', `native ${grantId}`) },
  })

  const deletion = new OwnDeletion({
    access: (ctx) => access(ctx, 'identities'),
    fresh: (ctx) => identities.fresh(ctx),
    requests: logins.deletion,
    clientName: async (clientId, locale) => shownNameOf(clientId, await provider().Client.find(clientId), locale),
    words,
  })

  const merges = new OwnMerges({
    access: (ctx) => access(ctx, 'identities'),
    fresh: (ctx) => identities.fresh(ctx),
    others: native.others,
    merging: logins.merging,
    undoable: (userId) => undoableMerges(core.database, userId, new Date(clock())),
    renew: (grantId) => renewSignIn(core, { grantId }),
    steps: nativeSteps({ methods: native.others.methods, directory, nowMs: clock }),
    options: { words, nowMs: clock, digest: (grantId) => sealer.mac('binding', `native ${grantId}`) },
  })

  const router = nativeRoutes({
    issuer: config.issuer,
    challenge,
    identities,
    changes,
    consents,
    deletion,
    merges,
    proofs,
    words,
  })
  return {
    challenge,
    routes: ownRoutes(router),
    tokenAnswers: nativeTokenAnswers({ challenge, words }),
  }
}
