import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, addressOfVendor, isAtRoot } from '../../src/base/vendor-address.ts'
import { readVendorText } from '../../src/base/vendor-text.ts'
import { appNonce, type NonceRule, requireRawNonce, webNonce } from './apple-nonce.ts'
import { appleNotices } from './apple-notices.ts'
import { type AppleTokens, appleTokens, isEs256 } from './apple-tokens.ts'
import { connectionBase, vendorAccount } from './connection-base.ts'
import {
  type Authorization,
  connectorKind,
  type Identification,
  madeUp,
  required,
  type Unfit,
  UpstreamAnswer,
  type UpstreamResponse,
  upstreamError,
} from './connector.ts'
import { namespace, serverOf, type Where } from './namespaces.ts'
import { optional, shown } from './vendor-answers.ts'
import { appOf } from './visit.ts'

const publicIssuer = 'https://appleid.apple.com'

/** Settings of Sign in with Apple, for the web and for apps. */
export const appleOptions = z.strictObject({
  ...connectionBase('apple'),
  type: z.literal('apple').describe('Sign in with Apple.'),
  account: vendorAccount('team'),
  client_id: z.string().min(1).describe('Services ID.'),
  bundle_ids: z
    .array(z.string().min(1))
    .default([])
    .describe('Bundle ids of the apps that log in natively, method `apple`.'),
  team_id: z.string().min(1).describe('Team ID of the developer account.'),
  key_id: z.string().min(1).describe('Key ID of a key for Sign in with Apple.'),
  private_key: secret()
    .refine(isEs256, 'expected the content of the .p8 file of the key')
    .meta({ secret: true })
    .describe('That key: the content of its .p8 file.'),
  issuer: addressOfVendor(publicIssuer)
    .refine(isAtRoot, 'must have no path, because it is also the issuer of the tokens')
    .default(publicIssuer)
    .describe('Address of Apple, and the issuer of its tokens.'),
})

const firstConsent = z.object({ name: optional(z.object({ firstName: shown, lastName: shown })) })

interface Brought {
  readonly rawNonce: string | undefined
  readonly nonce: NonceRule
  readonly code: string
}

interface Redeemed {
  readonly subject: string
  readonly clientId: string
  readonly refreshToken: string | undefined
}

/**
 * Sign in with Apple on the web and in apps (developer.apple.com/documentation/signinwithapplerestapi, as of
 * 2026-11-20). The answer to a browser is a form posted across sites. The subject is the same for all apps of one team.
 * SECURITY: the e-mail address of the token may be a relay, and that of the form is unsigned; neither is used.
 */
export const apple = connectorKind({
  options: appleOptions,
  namespace: appleNamespace,
  build(options, dependencies, provider) {
    const tokens = appleTokens(options, dependencies)

    async function redeem(
      request: Parameters<AppleTokens['exchange']>[0],
      { nonce, unfit = 'upstream.refused' }: { readonly nonce: NonceRule; readonly unfit?: Unfit },
    ): Promise<Redeemed> {
      const answer = await tokens.exchange(request)
      const { sub } = await tokens.verify(answer.id_token, {
        audience: [request.clientId],
        nonce,
        code: request.code,
        accessToken: answer.access_token,
        unfit,
      })
      return { subject: sub, clientId: request.clientId, refreshToken: answer.refresh_token }
    }

    /**
     * SECURITY: an app brings an ID token, which is a bearer token and proves nothing alone. The code is the proof: it
     * is redeemed for the same person, works once, and only for the app it was made for. If the app used a nonce, that
     * must fit too.
     */
    async function native(given: UpstreamResponse): Promise<Identification> {
      const code = required(given, 'upstream_code')
      const [token, rawNonce] = [given['identity_token'], given['raw_nonce']]
      const nonce = appNonce(rawNonce)
      const brought = token ? await verified(token, { rawNonce, nonce, code }) : undefined
      const clientId = brought?.clientId ?? onlyApp()
      // Where the token that was brought has the nonce, that of the answer may do without.
      const expected = brought ? { nonce: nonce.orNone } : { nonce, unfit: 'upstream.code_invalid' as const }
      const redeemed = await redeem({ code, clientId }, expected)
      if (brought && redeemed.subject !== brought.sub) {
        throw upstreamError('upstream.code_invalid', { vendorCode: 'sub_mismatch' })
      }
      return identification(provider, redeemed, displayable({ nickname: given['nickname'] ?? '' }))
    }

    function verified(token: string, { rawNonce, nonce, code }: Brought) {
      requireRawNonce(token, rawNonce)
      return tokens.verify(token, { audience: options.bundle_ids, nonce, code, unfit: 'upstream.code_invalid' })
    }

    /** The app of a code that comes without a token. Throws `request.invalid` if the token has to say which it is. */
    function onlyApp(): string {
      const [only, ...others] = options.bundle_ids
      if (only === undefined || others.length > 0) throw new AppError('request.invalid', { field: 'identity_token' })
      return only
    }

    return {
      availability: (visit) => (appOf(visit) === 'wechat' ? 'hidden' : 'here'),
      async authorizationUrl({ redirectUri, state, nonce }: Authorization) {
        return addressBelow(options.issuer, '/auth/authorize', {
          client_id: options.client_id,
          redirect_uri: redirectUri,
          response_type: 'code',
          response_mode: 'form_post',
          scope: 'name email',
          state,
          nonce,
        })
      },
      async identify({ code, error, user }, { redirectUri, nonce }) {
        if (error !== undefined) {
          throw upstreamError(error === 'user_cancelled_authorize' ? 'upstream.cancelled' : 'upstream.refused', {
            vendorCode: error,
          })
        }
        if (!code) throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        const redeemed = await redeem({ code, clientId: options.client_id, redirectUri }, { nonce: webNonce(nonce) })
        return identification(provider, redeemed, firstTimeProfile(user))
      },
      questions: (callback) => [
        {
          about: `client_id ${options.client_id}`,
          ask: () => tokens.exchange({ code: madeUp(), clientId: options.client_id, redirectUri: callback }),
        },
        ...options.bundle_ids.map((clientId) => ({
          about: `bundle id ${clientId}`,
          ask: () => tokens.exchange({ code: madeUp(), clientId }),
        })),
      ],
      notice: appleNotices(options, dependencies),
      keeping: {
        clients: [options.client_id, ...options.bundle_ids],
        revoke: ({ client, secret }) => tokens.revoke(client, secret),
      },
      ...(options.bundle_ids.length > 0 ? { apps: { apple: (given) => native(given).catch(askAgain) } } : {}),
    }
  },
})

/**
 * Some SDKs bring the same authorization again until the app signs out of them, so an app is told that from what else
 * may be wrong.
 */
function askAgain(error: unknown): never {
  const isOver = error instanceof AppError && error.code === 'upstream.code_invalid'
  if (!isOver || !(error.cause instanceof UpstreamAnswer)) throw error
  const { vendorCode } = error.cause
  throw vendorCode === 'invalid_grant' || vendorCode === 'id_token:exp'
    ? upstreamError('upstream.code_used', { vendorCode })
    : error
}

/** Every team has subjects of its own. */
function appleNamespace({ id, account, team_id, issuer: address }: z.output<typeof appleOptions>, where: Where) {
  const issuer = `${serverOf(address)} team ${team_id}`
  return namespace(
    { id, provider: 'apple', address, issuer, account, remedy: 'give it an `account` of its own' },
    where,
  )
}

function identification(
  provider: string,
  { subject, clientId, refreshToken }: Redeemed,
  profile: Profile,
): Identification {
  return {
    identity: { provider, subjects: [subject], profile },
    ...(refreshToken === undefined ? {} : { credential: { client: clientId, secret: refreshToken } }),
  }
}

/**
 * The name in the form that Apple posts at the very first consent. SECURITY: nobody signed it, so it is only a name to
 * call the person by.
 */
function firstTimeProfile(user = ''): Profile {
  try {
    const { firstName = '', lastName = '' } = firstConsent.parse(readVendorText(user)).name ?? {}
    const isFamilyFirst = /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(lastName)
    return displayable({ nickname: isFamilyFirst ? `${lastName}${firstName}` : `${firstName} ${lastName}` })
  } catch {
    return {}
  }
}
