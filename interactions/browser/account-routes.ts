import type Router from '@koa/router'
import type { Context } from 'koa'
import { paths } from '../../src/base/paths.ts'
import type { accountPages } from './account.ts'
import type { bindingPages } from './account-binding.ts'
import type { devicePages } from './account-devices.ts'
import { codeWays, type identityPages } from './account-identities.ts'
import type { passwordPages } from './account-password.ts'
import type { AccountSession } from './account-session.ts'

/** The pages of the account centre. */
export interface AccountCentre {
  readonly session: AccountSession
  readonly home: ReturnType<typeof accountPages>
  readonly password: ReturnType<typeof passwordPages>
  readonly identities: ReturnType<typeof identityPages>
  readonly binding: ReturnType<typeof bindingPages>
  readonly devices: ReturnType<typeof devicePages>
}

type Handler = (ctx: Context) => Promise<void> | void

interface Wrappers {
  /** Refuses a POST from another site. */
  readonly guarded: (handler: Handler) => Handler
  /** Answers `?lang=` itself. */
  readonly withLanguage: (handler: Handler) => Handler
}

/**
 * Adds the routes under `/account`. Every page asks for a signed-in session itself, and every POST for its form token.
 */
export function accountRoutes(router: Router, centre: AccountCentre, { guarded, withLanguage }: Wrappers): void {
  const { session, home, password, identities, binding, devices } = centre
  router.get('account', paths.account, withLanguage(home.home))
  router.get('account_return', `${paths.account}/return`, session.comeBack)
  router.get('account_profile', `${paths.account}/profile`, withLanguage(home.profilePage))
  router.post('account_profile_submit', `${paths.account}/profile`, guarded(home.submitProfile))
  router.get('account_password', `${paths.account}/password`, withLanguage(password.show))
  router.post('account_password_submit', `${paths.account}/password`, guarded(password.submit))
  router.get('account_devices', `${paths.account}/devices`, withLanguage(devices.show))
  router.post('account_devices_submit', `${paths.account}/devices`, guarded(devices.submit))
  router.get('account_identities', `${paths.account}/identities`, withLanguage(binding.show))
  router.post('account_bind', `${paths.account}/identities`, guarded(binding.start))
  router.get('account_bind_callback', `${paths.account}/identities/callback`, binding.comeBack)
  router.get('account_unbind', `${paths.account}/identities/unbind`, withLanguage(identities.unbindPage))
  router.post('account_unbind_submit', `${paths.account}/identities/unbind`, guarded(identities.unbind))
  for (const way of codeWays) {
    const path = `${paths.account}/identities/${way.kind}`
    router.get(`account_bind_${way.kind}`, path, withLanguage(binding.codePage(way)))
    router.post(`account_bind_${way.kind}_submit`, path, guarded(binding.submitCode(way)))
  }
}
