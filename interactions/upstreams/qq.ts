import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, vendorAddress } from '../../src/base/vendor-address.ts'
import { connectionBase, vendorAccount } from './connection-base.ts'
import {
  connectorKind,
  type Identification,
  madeUp,
  required,
  type Unfit,
  type UpstreamResponse,
  upstreamError,
} from './connector.ts'
import { namespace, type Where } from './namespaces.ts'
import { ask, overHttps, requireGood, type VendorCodes } from './upstream-call.ts'
import { failure, optional, parseAnswer, shown, subject, tokenText } from './vendor-answers.ts'
import { appOf, isPhone } from './visit.ts'

/** Settings of QQ Connect: a website app, and the mobile app of the same developer. */
export const qqOptions = z.strictObject({
  ...connectionBase('qq'),
  type: z.literal('qq').describe('QQ Connect.'),
  account: vendorAccount('developer account of QQ Connect'),
  client_id: z.string().min(1).describe('APP ID of the website app.'),
  client_secret: secret().describe('APP Key of that app.'),
  mobile_app: z
    .strictObject({ appid: z.string().min(1).describe('APP ID of the mobile app.') })
    .optional()
    .describe('Mobile app: login by the SDK, method `qq_app`.'),
  graph_url: vendorAddress('https://graph.qq.com').describe('Address of QQ Connect.'),
})

type QqOptions = z.output<typeof qqOptions>

const outcome = z.object({ error: failure })
const tokenAnswer = z.object({ access_token: tokenText })
const meAnswer = z.object({ client_id: z.string(), openid: subject, unionid: optional(subject) })
const userAnswer = z.object({ ret: failure, nickname: shown, figureurl_qq_1: shown, figureurl_qq_2: shown })

interface Answer {
  readonly error: string | undefined
  readonly content: unknown
}

/**
 * QQ in browsers and apps (wiki.connect.qq.com, as of 2026-11-20). An openid belongs to one app. A unionid belongs to
 * all apps of a developer to whom QQ has granted unionids.
 */
export const qq = connectorKind({
  options: qqOptions,
  namespace: qqNamespace,
  build(options, { http }, provider) {
    // SECURITY: the vendor demands the app key or a token in the address; the errors of our HTTP client never contain a
    // query.
    async function get(path: string, query: Readonly<Record<string, string>>): Promise<Answer> {
      const reply = await ask(http, addressBelow(options.graph_url, path, query))
      const { error } = parseAnswer(outcome, reply.content)
      if (error === undefined) requireGood(reply)
      return { error, content: reply.content }
    }

    async function token(code: string, redirectUri: string): Promise<string> {
      const answer = await get('/oauth2.0/token', {
        grant_type: 'authorization_code',
        client_id: options.client_id,
        client_secret: options.client_secret.reveal(),
        code,
        redirect_uri: redirectUri,
        fmt: 'json',
      })
      return parsed(tokenAnswer, answer).access_token
    }

    /** Asks to whom a token belongs. Throws `unfit` for a token of another app. */
    async function me(accessToken: string, appid: string, unfit: Unfit) {
      const query = { access_token: accessToken, fmt: 'json' }
      const withUnionid = await get('/oauth2.0/me', { ...query, unionid: '1' })
      const answer = withUnionid.error === unionidNotGranted ? await get('/oauth2.0/me', query) : withUnionid
      const found = parsed(meAnswer, answer)
      // SECURITY: a token that was made for another app must not log anybody in here.
      if (found.client_id !== appid) throw upstreamError(unfit, { vendorCode: 'client_id_mismatch' })
      return found
    }

    /** It is only for display, so after a failure it is empty. */
    async function profile(accessToken: string, appid: string, openid: string): Promise<Profile> {
      const query = { access_token: accessToken, oauth_consumer_key: appid, openid }
      try {
        const info = parsed(userAnswer, await get('/user/get_user_info', query))
        if (info.ret !== undefined) return {}
        const picture = overHttps(info.figureurl_qq_2 || info.figureurl_qq_1)
        return displayable({ nickname: info.nickname, picture })
      } catch (error) {
        if (error instanceof AppError) return {}
        throw error
      }
    }

    async function person(
      { client_id: appid, openid, unionid }: z.output<typeof meAnswer>,
      accessToken: string,
    ): Promise<Identification> {
      const alias = `openid:${appid}:${openid}`
      return {
        identity: {
          provider,
          // The subject says that it is a unionid, and the openid stays beside it. If we only replaced one by the
          // other, the person would get a second account once unionids are granted.
          subjects: unionid ? [`unionid:${unionid}`, alias] : [alias],
          profile: await profile(accessToken, appid, openid),
        },
      }
    }

    /**
     * QQ's SDK gives an app a token and no code. SECURITY: the token is accepted only for the app it was made for, and
     * only for the person it names.
     */
    function byToken(appid: string) {
      return async (given: UpstreamResponse): Promise<Identification> => {
        const [accessToken, subject] = [required(given, 'upstream_token'), required(given, 'upstream_subject')]
        const found = await me(accessToken, appid, 'upstream.code_invalid')
        if (found.openid !== subject) throw upstreamError('upstream.code_invalid', { vendorCode: 'openid_mismatch' })
        return person(found, accessToken)
      }
    }

    return {
      async authorizationUrl({ redirectUri, state }, visit) {
        return addressBelow(options.graph_url, '/oauth2.0/authorize', {
          response_type: 'code',
          client_id: options.client_id,
          redirect_uri: redirectUri,
          state,
          scope: 'get_user_info',
          ...(isPhone(visit) ? { display: 'mobile' } : {}),
        })
      },
      async identify({ code, usercancel }, { redirectUri }) {
        if (!code) {
          throw upstreamError('upstream.cancelled', { vendorCode: usercancel === undefined ? 'no_code' : 'usercancel' })
        }
        const accessToken = await token(code, redirectUri)
        return person(await me(accessToken, options.client_id, 'upstream.refused'), accessToken)
      },
      // WeChat does not open the pages of QQ.
      availability: (visit) => (appOf(visit) === 'wechat' ? 'elsewhere' : 'here'),
      home: 'qq',
      questions: (callback) => [{ about: `client_id ${options.client_id}`, ask: () => token(madeUp(), callback) }],
      ...(options.mobile_app ? { apps: { qq_app: byToken(options.mobile_app.appid) } } : {}),
    }
  },
})

/** A unionid belongs to one developer account. An openid belongs to one app, and its subject contains that app's id. */
function qqNamespace({ id, account, client_id, mobile_app, graph_url: address }: QqOptions, where: Where) {
  const apps = [client_id, ...(mobile_app ? [mobile_app.appid] : [])]
  const remedy = 'give it an `account` of its own, or `account: main` if both are of one developer account'
  return namespace({ id, provider: 'qq', address, account, apps, remedy }, where)
}

function parsed<Schema extends z.ZodType>(schema: Schema, { error, content }: Answer): z.output<Schema> {
  if (error === undefined) return parseAnswer(schema, content)
  throw upstreamError(codes.get(error) ?? 'upstream.refused', { vendorCode: error })
}

/** QQ has not allowed this app to ask for unionids. Then an answer to such a question contains nothing else either. */
const unionidNotGranted = '100048'

const codes: VendorCodes = new Map([
  ['100008', 'upstream.misconfigured'],
  ['100009', 'upstream.misconfigured'],
  ['100010', 'upstream.misconfigured'],
  ['100011', 'upstream.misconfigured'],
  ['100031', 'upstream.misconfigured'],
  ['100044', 'upstream.misconfigured'],
  ['100013', 'upstream.code_invalid'],
  ['100014', 'upstream.code_invalid'],
  ['100015', 'upstream.code_invalid'],
  ['100016', 'upstream.code_invalid'],
  ['100019', 'upstream.code_invalid'],
  ['100020', 'upstream.code_invalid'],
  ['100030', 'upstream.cancelled'],
])
