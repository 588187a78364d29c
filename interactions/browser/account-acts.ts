/** What an account page or form asks of its visitor: to be signed in, or to have proved lately who they are. */
export type AccountNeed = 'session' | 'fresh'

/**
 * Every page and form of the account centre, by the name of its route, and what it asks. One rule for all of them: what
 * changes how the account can be entered, or what others see of it, asks for a fresh proof, and the page with such a
 * form asks before anything is typed. What only shows something, or only takes access away, does not: somebody who has
 * lost a phone must not be slowed down, and nothing that is shown lets anybody in. SECURITY: a route that is not in
 * this table asks for a fresh proof.
 */
export const accountActs: Readonly<Record<string, AccountNeed>> = {
  account: 'session',
  account_history: 'session',
  account_not_me: 'session',
  account_not_me_submit: 'session',
  account_language: 'session',
  account_devices: 'session',
  account_devices_submit: 'session',
  account_apps: 'session',
  account_apps_submit: 'session',
  account_identities: 'session',
  account_deletion: 'fresh',
  account_deletion_submit: 'fresh',
  account_messages: 'fresh',
  account_messages_submit: 'fresh',
  account_data: 'fresh',
  account_data_submit: 'fresh',
  account_data_archive: 'fresh',
  account_profile: 'fresh',
  account_profile_submit: 'fresh',
  account_picture_submit: 'fresh',
  account_password: 'fresh',
  account_password_submit: 'fresh',
  account_bind: 'fresh',
  account_bind_callback: 'fresh',
  account_unbind: 'fresh',
  account_unbind_submit: 'fresh',
  account_change: 'fresh',
  account_change_submit: 'fresh',
  account_change_stop: 'session',
  account_merge: 'fresh',
  account_merge_submit: 'fresh',
  account_merge_callback: 'fresh',
  account_bind_phone: 'fresh',
  account_bind_phone_submit: 'fresh',
  account_bind_email: 'fresh',
  account_bind_email_submit: 'fresh',
}
