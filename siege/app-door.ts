import { codeChallenge, codeVerifier } from '../bench/fixture.ts'
import { type AppKey, proofOf } from './app-key.ts'
import { type Door, type Fields, type Reply, refused } from './door.ts'
import { appId, scope } from './shop.ts'
import type { AltchaChallenge } from './solver.ts'

const agreements = 'terms@sample privacy@sample'

interface Answered {
  readonly auth_session?: string
  readonly authorization_code?: string
  readonly refresh_token?: string
  readonly error?: string
  readonly message_key?: string
  readonly retry_after?: number
  readonly step?: string
  readonly delivery?: string
  readonly altcha?: AltchaChallenge
}

interface Place {
  readonly port: number
  readonly ip: string
  /** A tool of attackers has none. */
  readonly installation?: { readonly key: AppKey; readonly now: () => number } | undefined
}

/** An app's own screens: its first request already asks for a code. */
export function appDoor({ port, ip, installation }: Place): Door {
  let session: string | undefined

  async function post(path: string, form: Fields): Promise<Answered> {
    const dpop = installation && (await proofOf(installation.key, path, installation.now()))
    const headers = { 'x-forwarded-for': ip, ...(dpop === undefined ? {} : { dpop }) }
    const address = `http://127.0.0.1:${port}${path}`
    const response = await fetch(address, { method: 'POST', headers, body: new URLSearchParams(form) })
    return (await response.json()) as Answered
  }

  async function challenge(form: Fields): Promise<Reply> {
    const begun = { response_type: 'code', scope, code_challenge: codeChallenge, code_challenge_method: 'S256' }
    const answered = await post('/authorize-challenge', {
      ...(session === undefined ? { client_id: appId, agreements, ...begun } : { auth_session: session }),
      ...form,
    })
    session = answered.auth_session ?? session
    if (answered.authorization_code !== undefined) return exchange(answered.authorization_code)
    const error = answered.message_key?.replace('errors.', '')
    if (answered.altcha !== undefined) return { kind: 'challenge', challenge: answered.altcha }
    // An app shows the field for the code, too, where only numbers with an account are sent one.
    if (answered.step === 'otp' && (error === undefined || answered.delivery === 'scarce')) return { kind: 'code' }
    return refused(error ?? answered.step ?? answered.error ?? 'unknown', answered.retry_after)
  }

  async function exchange(code: string): Promise<Reply> {
    const grant = { grant_type: 'authorization_code', client_id: appId, code, code_verifier: codeVerifier }
    const { refresh_token: refreshToken, error } = await post('/token', grant)
    return refreshToken === undefined ? refused(error ?? 'no token', undefined) : { kind: 'in', refreshToken }
  }

  return {
    open: async () => undefined,
    askForCode: (phone, more = {}) => challenge({ method: 'sms', phone, ...more }),
    askAgain: (more = {}) => challenge({ resend: '1', ...more }),
    enterCode: (otp, more = {}) => challenge({ otp, ...more }),
    enterPassword: (identifier, password, more = {}) =>
      challenge({ method: 'password', identifier, password, ...more }),
  }
}
