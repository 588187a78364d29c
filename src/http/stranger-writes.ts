import type { rules } from '../config/limit-rules.ts'

/** The name of a limit. */
export type LimitName = keyof ReturnType<typeof rules>

/** What a request may leave in the stores if nobody is logged in. */
export interface StrangerWrite {
  readonly writes: string
  /**
   * One request leaves at most this many bytes, including keys, sealing and indexes. The counter of its limit is not
   * included.
   */
  readonly bytes: number
  /** After this many seconds all of it has ended; the sweep that deletes it may take another minute. */
  readonly seconds: number
  /**
   * What limits how often this happens. Or the route whose write this one needs, because it is a part of that write or
   * replaces it.
   */
  readonly limit: LimitName | { readonly within: string }
  /**
   * When the limit is taken. `request`: for every request. `write`: for every request that writes. `public_write`: for
   * writes whose client proves nothing, because a backend speaks for all its users from one address. `part`: by the
   * part that serves the route, which knows better when.
   */
  readonly taken: 'request' | 'write' | 'public_write' | 'part'
  /**
   * Whether it may leave a line in the audit, which is kept for `ops.audit_retention`. Each network can cause one line
   * of each kind in a minute.
   */
  readonly audited?: true
}

const hour = 3600
const tenMinutes = 600

const login = { bytes: 4096, seconds: hour }
const partOfLogin = { limit: { within: 'authorization' }, taken: 'part' } as const

/**
 * Every route, ours and the library's, by the name its router gives it, and what a stranger can make it store;
 * `nothing` if a request without a login stores nothing. The limits are taken from this table (`stranger-limits.ts`). A
 * test plays a stranger who tries every route of a running server on real stores. It fails if a route is not in this
 * table, or if a route stores more, or for longer, than the table says.
 */
export const strangerWrites = {
  authorization: { writes: 'a login under way', ...login, limit: 'auth.ip', taken: 'write' },
  resume: { writes: 'the same login, one prompt further', ...login, ...partOfLogin },
  interaction: { writes: 'the login without a step that is begun again', ...login, ...partOfLogin },
  interaction_submit: {
    writes:
      'the step the login is at, what was typed into its forms, a one-time code, counters of wrong passwords, the mark of a solved challenge',
    ...login,
    ...partOfLogin,
    audited: true,
  },
  callback: { writes: 'what a vendor sent back', bytes: 8192, seconds: tenMinutes, ...partOfLogin },
  callback_post: { writes: 'what a vendor sent back', bytes: 8192, seconds: tenMinutes, ...partOfLogin },
  interaction_callback: { writes: 'what came of it', ...login, ...partOfLogin, audited: true },
  pushed_authorization_request: {
    writes: 'an authorization request for a minute, the mark of a DPoP proof',
    bytes: 12_288,
    seconds: 660,
    limit: 'push.ip',
    taken: 'public_write',
  },
  device_authorization: {
    writes: 'a device code',
    bytes: 4096,
    seconds: tenMinutes,
    limit: 'device_code.ip',
    taken: 'public_write',
  },
  code_verification: {
    writes: 'a session for the form, a login under way',
    ...login,
    limit: 'device.ip',
    taken: 'request',
  },
  device_resume: { writes: 'the same', ...login, limit: 'device.ip', taken: 'request' },
  end_session: {
    writes: 'a session for the form',
    bytes: 4096,
    seconds: tenMinutes,
    limit: 'logout.ip',
    taken: 'request',
  },
  token: {
    writes: 'the mark of a device that polls',
    bytes: 512,
    seconds: 5,
    limit: { within: 'device_authorization' },
    taken: 'part',
    audited: true,
  },
  authorization_challenge: {
    writes:
      'an auth_session, the step its login is at, a one-time code, the marks of a DPoP proof and a solved challenge',
    bytes: 6144,
    seconds: hour,
    limit: 'native.ip',
    taken: 'part',
    audited: true,
  },
  // What it writes was signed by an upstream, for a client of ours, and each is written once.
  upstream_notification: 'nothing',
  picture: 'nothing',

  authorization_post: 'nothing',
  end_session_post: 'nothing',
  end_session_confirm: 'nothing',
  end_session_success: 'nothing',
  account: 'nothing',
  account_return: 'nothing',
  account_profile: 'nothing',
  account_profile_submit: 'nothing',
  account_picture_submit: 'nothing',
  account_history: 'nothing',
  account_not_me: 'nothing',
  account_not_me_submit: 'nothing',
  account_language: 'nothing',
  account_password: 'nothing',
  account_password_submit: 'nothing',
  account_devices: 'nothing',
  account_devices_submit: 'nothing',
  account_apps: 'nothing',
  account_data: 'nothing',
  account_data_submit: 'nothing',
  account_data_archive: 'nothing',
  // Without a link of an operator it changes nothing.
  password_link: 'nothing',
  password_link_submit: 'nothing',
  collected: 'nothing',
  own_data_schema: 'nothing',
  account_apps_submit: 'nothing',
  account_deletion: 'nothing',
  account_deletion_submit: 'nothing',
  account_identities: 'nothing',
  account_bind: 'nothing',
  account_bind_callback: 'nothing',
  account_unbind: 'nothing',
  account_unbind_submit: 'nothing',
  account_messages: 'nothing',
  account_messages_submit: 'nothing',
  account_change: 'nothing',
  account_change_submit: 'nothing',
  account_change_stop: 'nothing',
  account_merge: 'nothing',
  account_merge_submit: 'nothing',
  account_merge_callback: 'nothing',
  account_bind_phone: 'nothing',
  account_bind_phone_submit: 'nothing',
  account_bind_email: 'nothing',
  account_bind_email_submit: 'nothing',
  deletion: 'nothing',
  deletion_ask: 'nothing',
  merge: 'nothing',
  merge_step: 'nothing',
  merge_undo: 'nothing',
  consents: 'nothing',
  consents_withdraw: 'nothing',
  identities: 'nothing',
  identities_bind: 'nothing',
  identities_unbind: 'nothing',
  identities_change: 'nothing',
  identities_change_stop: 'nothing',
  openapi: 'nothing',
  userinfo: 'nothing',
  introspection: 'nothing',
  revocation: 'nothing',
  jwks: 'nothing',
  discovery: 'nothing',
  'cors.userinfo': 'nothing',
  'cors.token': 'nothing',
  'cors.jwks': 'nothing',
  'cors.discovery': 'nothing',
  'cors.revocation': 'nothing',
  'cors.introspection': 'nothing',
  'cors.device_authorization': 'nothing',
  'cors.pushed_authorization_request': 'nothing',
} as const satisfies Record<string, StrangerWrite | 'nothing'>
