import type { Context } from 'koa'
import { accountPages } from '../../interactions/browser/account.ts'
import { appPages } from '../../interactions/browser/account-apps.ts'
import { bindingPages } from '../../interactions/browser/account-binding.ts'
import { changePages } from '../../interactions/browser/account-change.ts'
import { dataPages } from '../../interactions/browser/account-data.ts'
import { deletionPages } from '../../interactions/browser/account-deletion.ts'
import { devicePages } from '../../interactions/browser/account-devices.ts'
import { type HistoryOptions, halfYearDays, historyPages } from '../../interactions/browser/account-history.ts'
import { identityPages } from '../../interactions/browser/account-identities.ts'
import { mergePages } from '../../interactions/browser/account-merge.ts'
import { messagePages } from '../../interactions/browser/account-messages.ts'
import { notMePages } from '../../interactions/browser/account-not-me.ts'
import { passwordPages } from '../../interactions/browser/account-password.ts'
import { profilePages } from '../../interactions/browser/account-profile.ts'
import type { AccountCentre } from '../../interactions/browser/account-routes.ts'
import { accountSession } from '../../interactions/browser/account-session.ts'
import type { CodeCookie } from '../../interactions/browser/code-cookie.ts'
import { deviceCookie } from '../../interactions/browser/device-cookie.ts'
import type { Renderer } from '../../interactions/browser/render.ts'
import type { Country } from '../../views/form-values.ts'
import { identityLimit } from '../accounts/identity-limit.ts'
import { undoableMerges } from '../accounts/merged-users.ts'
import { epochSeconds } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import { strangersLogo } from '../brand/drawn-brand.ts'
import { shownNameOf } from '../oidc/clients/client-brand.ts'
import { countAuthorisedApps, listAuthorisedApps, withdrawConsent } from '../oidc/endings/authorised-apps.ts'
import { countDevices, listAlarms, listDevices } from '../oidc/endings/devices.ts'
import type { Ending, EndRecords } from '../oidc/endings/endings.ts'
import type { UnitOfWork } from '../oidc/records/unit-of-work.ts'
import { renewSignIn } from '../oidc/renew-sign-in.ts'
import type { OidcRuntime } from '../oidc/runtime.ts'
import type { SessionLife } from '../oidc/session-life.ts'
import { findLogin, listLogins } from '../ops/login-history.ts'
import type { OwnDataExports } from '../own-data/exports.ts'
import type { Core } from './core.ts'
import type { Logins } from './logins.ts'
import type { Pictures } from './pictures.ts'

interface Dependencies {
  readonly core: Core
  readonly logins: Logins
  readonly pictures: Pictures
  readonly exports: OwnDataExports
  /** Asked at each request, because it may have been replaced. */
  readonly runtime: () => Pick<OidcRuntime, 'provider' | 'policies' | 'looks'>
  readonly sessions: Pick<SessionLife, 'touch' | 'forget'>
  readonly units: UnitOfWork
  readonly renderer: Renderer
  readonly countries: (ctx: Context) => readonly Country[]
  readonly codes: CodeCookie
}

/** How many past logins a page shows. */
const loginsOnPage = 20
const daySeconds = 86_400

/** Builds the pages of the account centre. */
export function accountCentre(dependencies: Dependencies): AccountCentre {
  const { core, logins, pictures, runtime, sessions, units, renderer, countries, codes } = dependencies
  const provider = () => runtime().provider()
  const { config, clock, sealer, directory, audit } = core
  const { bindings, changes, callbacks, passwords, end, devices } = logins
  const device = deviceCookie({ devices, secure: config.issuer.startsWith('https:') })
  const nowSeconds = () => epochSeconds(clock)
  const session = accountSession({
    provider,
    directory,
    nowSeconds,
    formToken: (uid) => sealer.mac('form_token', uid),
    touch: sessions.touch,
    about: () => units.current()?.sessions.about(),
    renew: (sessionUid) => renewSignIn(core, { sessionUid }),
  })
  const common = { session, renderer, directory, audit }
  const digest = (sessionUid: string, userId: UserId) => sealer.mac('binding', `${sessionUid} ${userId}`)
  const identities = identityPages({
    ...common,
    passwords,
    options: { bindings, changes, limitOf: identityLimit(config.identities_per_provider), device, nowSeconds },
  })
  const { forget } = sessions
  const clientName = async (clientId: string, locale: Locale) =>
    shownNameOf(clientId, await provider().Client.find(clientId), locale)
  const pastLogins = historyOptions(core, clientName)
  const history = historyPages({ session, renderer, options: pastLogins })
  const alarms = (userId: UserId) => listAlarms(core, userId)
  const merge = mergePages({
    ...{ session, renderer },
    options: {
      ...{ others: logins.others, merging: logins.merging, callbacks, countries, nowMs: clock, device, forget },
      undoable: (userId) => undoableMerges(core.database, userId, new Date(clock())),
      digest: (sessionUid, userId) => sealer.mac('merging', `${sessionUid} ${userId}`),
    },
  })
  return {
    session,
    identities,
    merge,
    home: accountPages({
      ...{ session, renderer, passwords },
      options: {
        deviceCount: (userId) => countDevices(core, userId),
        alarms,
        appCount: (userId) => countAuthorisedApps(core, userId),
        canBind: (method) => bindings.methods.has(method),
      },
    }),
    profile: profilePages({ ...common, options: pictures }),
    password: passwordPages({
      session,
      renderer,
      passwords,
      audit,
      options: { minPasswordLength: config.password.min_length, end, device, nowSeconds },
    }),
    devices: devicePages({
      session,
      renderer,
      options: {
        page: (userId, asked) => listDevices(core, userId, asked),
        alarms,
        end,
        forget,
        device,
        nowSeconds,
        clientName,
        delaySeconds: () => runtime().policies().longestJwtSeconds,
      },
    }),
    apps: appPages({
      session,
      renderer,
      options: {
        list: (userId) => listAuthorisedApps(core, userId),
        withdraw: (of, ending) => withdrawConsent(core, of, ending),
        policies: () => runtime().policies(),
        client: (clientId) => provider().Client.find(clientId),
        logo: (clientId) => strangersLogo(runtime().looks().of(clientId)),
      },
    }),
    deletion: deletionPages({ session, renderer, requests: logins.deletion, options: { forget, clientName } }),
    history,
    data: dataPages({ session, renderer, exports: dependencies.exports }),
    notMe: notMePages({
      ...{ session, renderer, passwords, audit, history },
      options: { login: pastLogins.login, disown: (...given) => disown(core, end, ...given), forget },
    }),
    binding: bindingPages({
      ...common,
      list: identities,
      options: {
        bindings,
        callbacks,
        countries,
        nowMs: clock,
        device,
        codes,
        merge,
        digest,
      },
    }),
    messages: messagePages({ session, renderer, options: mutedMessages(core) }),
    change: changePages({
      session,
      renderer,
      options: { changes, countries, nowMs: clock, waitSeconds: config.accounts.change_wait, device, digest },
    }),
  }
}

function mutedMessages({ database }: Core): Parameters<typeof messagePages>[0]['options'] {
  const row = (id: UserId) => database.knex('users').where({ id })
  return {
    muted: async (userId) => (await row(userId).first<{ muted: string[] }>('muted_messages as muted'))?.muted ?? [],
    mute: async (userId, events) => {
      await row(userId).update({ muted_messages: [...events] })
    },
  }
}

function disown({ database, clock, queueOwnerMessage }: Core, end: EndRecords, userId: UserId, ending: Ending) {
  return database.knex.transaction(async (transaction) => {
    const ended = await end(userId, { kind: 'all' }, ending, transaction)
    const message = { userId, event: 'login_disowned', at: new Date(clock()) } as const
    if (ended.sessions > 0) await queueOwnerMessage(transaction, message)
    return ended
  })
}

/** Past logins, as far back as the audit is kept and no further than half a year. */
function historyOptions(
  { config, clock, database, places }: Core,
  clientName: HistoryOptions['clientName'],
): HistoryOptions {
  const { audit_retention: kept } = config.ops
  const days = kept === 'none' ? halfYearDays : Math.min(halfYearDays, Math.ceil(kept / daySeconds))
  const since = () => new Date(clock() - days * daySeconds * 1000)
  return {
    days,
    clientName,
    places,
    page: (userId, after) => listLogins(database.knex, { userId, since: since(), after, most: loginsOnPage }),
    login: (userId, id) => findLogin(database.knex, { userId, since: since(), id }),
  }
}
