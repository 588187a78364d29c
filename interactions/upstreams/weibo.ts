import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, addressOfVendor, vendorAddress } from '../../src/base/vendor-address.ts'
import { connectionBase } from './connection-base.ts'
import { connectorKind, type Identification, madeUp, required, upstreamError } from './connector.ts'
import { namespace, type Where } from './namespaces.ts'
import { ask, form, overHttps, requireGood, type VendorCodes, type VendorReply } from './upstream-call.ts'
import { failure, numericSubject, optional, parseAnswer, secondsText, shown, tokenText } from './vendor-answers.ts'
import { isPhone } from './visit.ts'

const publicServer = 'https://api.weibo.com'
const publicPhonePages = 'https://open.weibo.cn'

/** Settings of a Weibo app, for the web and for phones. */
export const weiboOptions = z.strictObject({
  ...connectionBase('weibo'),
  type: z.literal('weibo').describe('Weibo.'),
  client_id: z.string().min(1).describe('App Key of the app.'),
  client_secret: secret().describe('App Secret of that app.'),
  api_url: vendorAddress(publicServer).describe('Address of Weibo, for people and for the API.'),
  mobile_url: addressOfVendor(publicPhonePages)
    .optional()
    .describe(
      'Address of the pages for people on phones: `https://open.weibo.cn`, unless `api_url` is another server.',
    ),
})

const refusal = z.object({ error: failure, error_code: failure })
const tokenAnswer = z.object({ access_token: tokenText, uid: numericSubject })
const infoAnswer = z.object({ uid: numericSubject, appkey: z.string(), expire_in: secondsText.catch(0) })
const userAnswer = z.object({
  idstr: optional(z.string()),
  screen_name: shown,
  avatar_large: shown,
  profile_image_url: shown,
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
      return parsed(tokenAnswer, await ask(http, addressBelow(options.api_url, '/oauth2/access_token'), request))
    }

    /** SECURITY: a token is accepted only if it was made for our App Key, and only for the person it names. */
    async function checkToken(accessToken: string, subject: string): Promise<void> {
      const request = form({ access_token: accessToken })
      const address = addressBelow(options.api_url, '/oauth2/get_token_info')
      const info = parsed(infoAnswer, await ask(http, address, request))
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
        const answer = await ask(http, addressBelow(options.api_url, '/2/users/show.json', { access_token, uid }))
        const info = parsed(userAnswer, answer)
        // A picture and a name of somebody else are worse than none.
        if ((info.idstr ?? uid) !== uid) return {}
        const picture = overHttps(info.avatar_large || info.profile_image_url)
        return displayable({ nickname: info.screen_name, picture })
      } catch (error) {
        if (error instanceof AppError) return {}
        throw error
      }
    }

    return {
      async authorizationUrl({ redirectUri, state }, visit) {
        const isOnPhone = isPhone(visit)
        return addressBelow(isOnPhone ? phonePages(options) : options.api_url, '/oauth2/authorize', {
          client_id: options.client_id,
          redirect_uri: redirectUri,
          response_type: 'code',
          state,
          ...(isOnPhone ? { display: 'mobile' } : {}),
          ...(visit.locale === 'en' ? { language: 'en' } : {}),
        })
      },
      async identify(response, { redirectUri }) {
        refuseError(response)
        if (!response['code']) throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        return person(await token(response['code'], redirectUri))
      },
      home: 'weibo',
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

/** Another server, such as a stand-in, has pages for phones only if the settings say so. */
function phonePages({ api_url, mobile_url }: z.output<typeof weiboOptions>): string {
  return mobile_url ?? (new URL(api_url).href === new URL(publicServer).href ? publicPhonePages : api_url)
}

/** A person has the same uid in every app, so only the server matters. */
function weiboNamespace({ id, api_url: address }: z.output<typeof weiboOptions>, where: Where) {
  return namespace({ id, provider: 'weibo', address, remedy: 'give both the same `api_url`' }, where)
}

function parsed<Schema extends z.ZodType>(schema: Schema, reply: VendorReply): z.output<Schema> {
  refuseError(reply.content)
  requireGood(reply)
  return parseAnswer(schema, reply.content)
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
