import type Router from '@koa/router'
import type { Context } from 'koa'
import { accountPaths, answerPath, bindPath, changePath, paths, stopChangePath } from '../../src/base/paths.ts'
import type { accountPages } from './account.ts'
import type { appPages } from './account-apps.ts'
import type { bindingPages } from './account-binding.ts'
import type { changePages } from './account-change.ts'
import type { dataPages } from './account-data.ts'
import type { deletionPages } from './account-deletion.ts'
import type { devicePages } from './account-devices.ts'
import type { historyPages } from './account-history.ts'
import { codeWays, type identityPages } from './account-identities.ts'
import type { mergePages } from './account-merge.ts'
import type { messagePages } from './account-messages.ts'
import type { notMePages } from './account-not-me.ts'
import type { passwordPages } from './account-password.ts'
import type { profilePages } from './account-profile.ts'
import type { AccountSession } from './account-session.ts'

/** The pages of the account centre. */
export interface AccountCentre {
  readonly session: AccountSession
  readonly home: ReturnType<typeof accountPages>
  readonly profile: ReturnType<typeof profilePages>
  readonly password: ReturnType<typeof passwordPages>
  readonly identities: ReturnType<typeof identityPages>
  readonly binding: ReturnType<typeof bindingPages>
  readonly change: ReturnType<typeof changePages>
  readonly messages: ReturnType<typeof messagePages>
  readonly devices: ReturnType<typeof devicePages>
  readonly apps: ReturnType<typeof appPages>
  readonly deletion: ReturnType<typeof deletionPages>
  readonly history: ReturnType<typeof historyPages>
  readonly notMe: ReturnType<typeof notMePages>
  readonly data: ReturnType<typeof dataPages>
  readonly merge: ReturnType<typeof mergePages>
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
  const { session, home, profile, password, identities, binding, change, messages } = centre
  const { devices, apps, deletion, history, notMe, data, merge } = centre
  router.get('account', paths.account, withLanguage(home.home))
  router.get('account_return', accountPaths.loggedIn, session.comeBack)
  router.get('account_profile', accountPaths.profile, withLanguage(profile.show))
  router.post('account_profile_submit', accountPaths.profile, guarded(profile.submit))
  router.post('account_picture_submit', accountPaths.picture, guarded(profile.submitPicture))
  router.get('account_language', accountPaths.language, withLanguage(home.languagePage))
  router.get('account_password', accountPaths.password, withLanguage(password.show))
  router.post('account_password_submit', accountPaths.password, guarded(password.submit))
  router.get('account_devices', accountPaths.devices, withLanguage(devices.show))
  router.post('account_devices_submit', accountPaths.devices, guarded(devices.submit))
  router.get('account_apps', accountPaths.apps, withLanguage(apps.show))
  router.post('account_apps_submit', accountPaths.apps, guarded(apps.submit))
  router.get('account_deletion', accountPaths.deletion, withLanguage(deletion.show))
  router.post('account_deletion_submit', accountPaths.deletion, guarded(deletion.submit))
  router.get('account_history', accountPaths.history, withLanguage(history.show))
  router.get('account_not_me', accountPaths.notMe, withLanguage(notMe.show))
  router.post('account_not_me_submit', accountPaths.notMe, guarded(notMe.submit))
  router.get('account_data', accountPaths.data, withLanguage(data.show))
  router.post('account_data_submit', accountPaths.data, guarded(data.request))
  router.post('account_data_archive', accountPaths.archive, guarded(data.fetch))
  router.get('account_merge', accountPaths.merge, withLanguage(merge.show))
  router.post('account_merge_submit', accountPaths.merge, guarded(merge.submit))
  router.get('account_merge_callback', answerPath(accountPaths.merge), merge.comeBack)
  router.get('account_identities', accountPaths.identities, withLanguage(binding.show))
  router.post('account_bind', accountPaths.identities, guarded(binding.start))
  router.get('account_bind_callback', answerPath(accountPaths.identities), binding.comeBack)
  router.get('account_unbind', accountPaths.unbind, withLanguage(identities.unbindPage))
  router.post('account_unbind_submit', accountPaths.unbind, guarded(identities.unbind))
  router.get('account_messages', accountPaths.messages, withLanguage(messages.show))
  router.post('account_messages_submit', accountPaths.messages, guarded(messages.submit))
  router.get('account_change', changePath(':identity'), withLanguage(change.show))
  router.post('account_change_submit', changePath(':identity'), guarded(change.submit))
  router.post('account_change_stop', stopChangePath(':identity'), guarded(change.cancel))
  for (const way of codeWays) {
    const path = bindPath(way.kind)
    router.get(`account_bind_${way.kind}`, path, withLanguage(binding.codePage(way)))
    router.post(`account_bind_${way.kind}_submit`, path, guarded(binding.submitCode(way)))
  }
}
