import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { secret } from '../../src/base/secret.ts'
import { connectionBase } from './connection-base.ts'
import { connectorKind, type Identification, madeUp, parseAnswer, required, upstreamError } from './connector.ts'
import { namespace, type Where } from './namespaces.ts'
import { call, form, overHttps, type VendorCodes, withQuery } from './upstream-call.ts'

/** Settings of a Weibo app, for the web and for phones. */
export const weiboOptions = z.strictObject({
  ...connectionBase('weibo'),
  type: z.literal('weibo').describe('Weibo.'),
  client_id: z.string().min(1).describe('App Key of the app.'),
  client_secret: secret().describe('App Secret of that app.'),
  api_url: z.url().default('https://api.weibo.com').describe('Address of Weibo, for people and for the API.'),
})

const refusal = z.object({ error: z.string().optional(), error_code: z.coerce.string().optional() })
const tokenAnswer = z.object({ access_token: z.string().min(1), uid: z.coerce.string().regex(/^\d{1,30}$/) })
const infoAnswer = z.object({
  uid: z.coerce.string(),
  appkey: z.coerce.string(),
  expire_in: z.coerce.number(),
})
const userAnswer = z.object({
  screen_name: z.string().catch(''),
  avatar_large: z.string().catch(''),
  profile_image_url: z.string().catch(''),
})

/**
 * Weibo in browsers and apps (open.weibo.com, as of 2026-11-20). A failure has an `error` or an `error_code`, whatever
 * the status is. The uid is the same for every app, and it may be too long for a JavaScript number.
 */
export const weibo = connectorKind({
  options: weiboOptions,
  namespace: weiboNamespace,
  build(options, { http }, provider) {
    async function token(code: string, redirectUri: string): Promise<z.output<typeof tokenAnswer>> {
      const request = form({
        client_id: options.client_id,
        client_secret: options.client_secret.reveal(),
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
      })
      return parsed(tokenAnswer, await call(http, new URL('/oauth2/access_token', options.api_url), request))
    }

    /** SECURITY: a token is accepted only if it was made for our App Key, and only for the person it names. */
    async function checkToken(accessToken: string, subject: string): Promise<void> {
      const request = form({ access_token: accessToken })
      const info = parsed(infoAnswer, await call(http, new URL('/oauth2/get_token_info', options.api_url), request))
      const holds = {
        appkey: info.appkey === options.client_id,
        uid: info.uid === subject,
        expire_in: info.expire_in > 0,
      }
      const broken = Object.entries(holds).find(([, isRight]) => !isRight)
      if (broken) throw upstreamError('upstream.code_invalid', { vendorCode: `token:${broken[0]}` })
    }

    async function person(found: z.output<typeof tokenAnswer>): Promise<Identification> {
      return { identity: { provider, subjects: [found.uid], profile: await profile(found) } }
    }

    /** It is only for display, so after a failure it is empty. */
    async function profile({ access_token, uid }: z.output<typeof tokenAnswer>): Promise<Profile> {
      try {
        const answer = await call(http, withQuery('/2/users/show.json', options.api_url, { access_token, uid }))
        const info = parsed(userAnswer, answer)
        const picture = overHttps(info.avatar_large || info.profile_image_url)
        return displayable({ nickname: info.screen_name, picture })
      } catch (error) {
        if (error instanceof AppError) return {}
        throw error
      }
    }

    return {
      async authorizationUrl({ redirectUri, state }) {
        return withQuery('/oauth2/authorize', options.api_url, {
          client_id: options.client_id,
          redirect_uri: redirectUri,
          response_type: 'code',
          state,
        })
      },
      async identify(response, { redirectUri }) {
        refuseError(response)
        if (!response['code']) throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        return person(await token(response['code'], redirectUri))
      },
      questions: (callback) => [{ about: `client_id ${options.client_id}`, ask: () => token(madeUp(), callback) }],
      apps: {
        async weibo_app(given) {
          const [accessToken, subject] = [required(given, 'upstream_token'), required(given, 'upstream_subject')]
          await checkToken(accessToken, subject)
          return person({ access_token: accessToken, uid: subject })
        },
      },
    }
  },
})

/** A person has the same uid in every app, so only the server matters. */
function weiboNamespace({ id, api_url: address }: z.output<typeof weiboOptions>, where: Where) {
  return namespace({ id, provider: 'weibo', address, remedy: 'give both the same `api_url`' }, where)
}

/** The JSON of an answer, with every whole number as a text of exactly its digits. Throws `upstream.refused`. */
export function parseExactly(text: string): unknown {
  try {
    return JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) =>
      Number.isInteger(value) ? (context?.source ?? value) : value,
    )
  } catch {
    throw upstreamError('upstream.refused', { vendorCode: 'unparsable' })
  }
}

function parsed<Schema extends z.ZodType>(
  schema: Schema,
  { status, text }: { readonly status: number; readonly text: string },
): z.output<Schema> {
  const values = parseExactly(text)
  refuseError(values)
  if (status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
  return parseAnswer(schema, values)
}

/** Throws the error that the `error` or `error_code` of an answer or a redirect stands for. */
function refuseError(values: unknown): void {
  const { error, error_code: code } = parseAnswer(refusal, values)
  const vendorCode = code ?? error
  if (vendorCode === undefined) return
  throw upstreamError(codes.get(vendorCode) ?? codes.get(error ?? '') ?? 'upstream.refused', { vendorCode })
}

const codes: VendorCodes = new Map([
  ['21330', 'upstream.cancelled'],
  ['access_denied', 'upstream.cancelled'],
  ['21325', 'upstream.code_invalid'],
  ['invalid_grant', 'upstream.code_invalid'],
  ['21327', 'upstream.code_invalid'],
  ['expired_token', 'upstream.code_invalid'],
  ['21332', 'upstream.code_invalid'],
  ['21321', 'upstream.misconfigured'],
  ['21322', 'upstream.misconfigured'],
  ['redirect_uri_mismatch', 'upstream.misconfigured'],
  ['21323', 'upstream.misconfigured'],
  ['21324', 'upstream.misconfigured'],
  ['invalid_client', 'upstream.misconfigured'],
  ['21326', 'upstream.misconfigured'],
  ['unauthorized_client', 'upstream.misconfigured'],
  ['21328', 'upstream.misconfigured'],
  ['21329', 'upstream.misconfigured'],
  ['21331', 'upstream.busy'],
  ['temporarily_unavailable', 'upstream.busy'],
])
