import type { ErrorCode } from '../base/errors.ts'

/**
 * Which sentence a person reads when an error of the protocol ends on a page instead of at the app. Most are mistakes
 * of the app: nobody can repair them in a form, so the sentence does not ask for it.
 */
const sentences: Readonly<Record<string, ErrorCode>> = {
  access_denied: 'client.declined',
  credential_request_denied: 'client.declined',
  transaction_failed: 'client.declined',
  account_selection_required: 'login.required',
  consent_required: 'login.required',
  interaction_required: 'login.required',
  login_required: 'login.required',
  expired_login_hint_token: 'login.required',
  unknown_user_id: 'login.required',
  unmet_authentication_requirements: 'login.insufficient',
  expired_token: 'attempt.expired',
  invalid_client: 'client.unknown',
  invalid_redirect_uri: 'client.redirect_uri_unknown',
  insufficient_scope: 'client.not_allowed',
  invalid_scope: 'client.not_allowed',
  invalid_target: 'client.not_allowed',
  unauthorized_client: 'client.not_allowed',
  server_error: 'server.unexpected',
  temporarily_unavailable: 'server.unavailable',
  authorization_pending: 'client.request_wrong',
  invalid_authorization_details: 'client.request_wrong',
  invalid_binding_message: 'client.request_wrong',
  invalid_client_attestation: 'client.request_wrong',
  invalid_client_metadata: 'client.request_wrong',
  invalid_credential_request: 'client.request_wrong',
  invalid_dpop_proof: 'client.request_wrong',
  invalid_grant: 'client.request_wrong',
  invalid_nonce: 'client.request_wrong',
  invalid_proof: 'client.request_wrong',
  invalid_request: 'client.request_wrong',
  invalid_request_object: 'client.request_wrong',
  invalid_request_uri: 'client.request_wrong',
  invalid_software_statement: 'client.request_wrong',
  invalid_token: 'client.request_wrong',
  invalid_user_code: 'client.request_wrong',
  missing_user_code: 'client.request_wrong',
  registration_not_supported: 'client.request_wrong',
  request_not_supported: 'client.request_wrong',
  request_uri_not_supported: 'client.request_wrong',
  slow_down: 'client.request_wrong',
  unapproved_software_statement: 'client.request_wrong',
  unknown_credential_configuration: 'client.request_wrong',
  unknown_credential_identifier: 'client.request_wrong',
  unsupported_grant_type: 'client.request_wrong',
  unsupported_response_mode: 'client.request_wrong',
  unsupported_response_type: 'client.request_wrong',
  unsupported_token_type: 'client.request_wrong',
  use_attestation_challenge: 'client.request_wrong',
  use_dpop_nonce: 'client.request_wrong',
  use_fresh_attestation: 'client.request_wrong',
}

/** Whether an error of the protocol has a sentence of its own. */
export function hasSentence(error: string): boolean {
  return Object.hasOwn(sentences, error)
}

/**
 * The key of that sentence. `isForm`: the person has sent a form of ours, so a request that cannot be read is theirs to
 * send again. `isLogout`: the app has sent them here to sign out, which they can do without it.
 */
export function sentenceFor(
  error: string,
  { isForm, isLogout }: { readonly isForm: boolean; readonly isLogout: boolean },
): ErrorCode {
  if (isForm && error === 'invalid_request') return 'request.invalid'
  const key = sentences[error] ?? 'client.request_wrong'
  return isLogout && key.startsWith('client.') ? 'client.logout_wrong' : key
}
