import { z } from 'zod'
import { paths } from '../../src/base/paths.ts'
import {
  bound,
  changed,
  consentList,
  deletionAsked,
  deletionFacts,
  identityList,
  refusal,
  step,
  success,
} from './answers.ts'
import { merged, mergeList, unmerged } from './merge-answers.ts'
import { accountDescriptions, type Json, type Parameters } from './openapi-account.ts'

/** Parameters of the challenge endpoint and what each is for, in the order an app meets them. */
const parameters: Readonly<Record<string, string>> = {
  client_id: 'The app. May be left out beside an auth_session; must match it when sent.',
  response_type: '`code`, or absent.',
  scope: 'RFC 6749 §3.3; absent: `openid`.',
  resource: 'RFC 8707; one. Absent: the default resource of the client.',
  code_challenge: 'RFC 7636. Required with the first request.',
  code_challenge_method: '`S256`.',
  nonce: 'OIDC Core §3.1.2.1.',
  acr_values: 'OIDC Core §3.1.2.1, RFC 9470: the login must reach one of them.',
  max_age: 'RFC 9470: seconds the login may be old.',
  claims: 'OIDC Core §5.5, JSON.',
  ui_locales: 'Language of `message`, e.g. `zh-CN`, `zh-TW`, `en`; the metadata lists them.',
  login_hint: 'Passed on with `redirect_to_web`.',
  auth_session: 'From the last answer. Required once there is one, and each is good for one request.',
  method:
    '`sms`, `password`, `one_tap`, `wechat_app`, `wechat_mini_program`, `qq_app`, `weibo_app`, `apple`; ' +
    '`register`, `reset` and other connections go on in the browser.',
  agreements: '`id@version` of each document agreed to, separated by spaces.',
  device_name: 'What the person knows this device by, for the list of devices.',
  captcha_token: 'Answer to the step `captcha` of Turnstile, hCaptcha and others of their protocol.',
  captcha_verify_param: 'The same of Aliyun: `captchaVerifyParam`, as it came.',
  captcha_ticket: 'The same of Tencent: `ticket`.',
  captcha_randstr: 'The same of Tencent: `randstr`.',
  captcha_lot_number: 'The same of GeeTest: `lot_number` of `getValidate()`.',
  captcha_output: 'The same of GeeTest: `captcha_output`.',
  captcha_pass_token: 'The same of GeeTest: `pass_token`.',
  captcha_gen_time: 'The same of GeeTest: `gen_time`.',
  captcha_validate: 'The same of NetEase: `validate`.',
  altcha: 'Solution of the challenge `altcha` of the step `captcha`: base64 of `{"challenge", "solution"}` as JSON.',
  choice:
    'Answer to the steps `choose`, `choose_account`, `conflict`, `confirm_owner`, `bind_identity`, `leaving` and `merge`.',
  account: 'choice=account: which of the accounts of the step `choose_account`.',
  invite: 'The code of an invitation, with choice=new or before, where the client takes accounts by invitation.',
  into: 'choice=merge: which of the two accounts stays.',
  keep_password: 'choice=merge: whose password stays, where the step names this parameter in `keep`.',
  keep_nickname: 'The same of the nickname.',
  keep_picture: 'The same of the picture.',
  phone: 'sms: E.164, or a national number with `country`. one_tap of `aliyun`: is this the number of this phone?',
  country: 'Calling code for `phone`; 86.',
  otp: 'The code, for the step `otp`.',
  resend: '`1`: send another code.',
  identifier: 'password: user name, e-mail address or phone number.',
  password: 'password.',
  vendor: 'one_tap: `univerify` or `aliyun`.',
  carrier_token: 'one_tap: what the SDK handed over; good once.',
  openid: 'one_tap of univerify: as handed over by the SDK.',
  connection: 'Id of the connection, where several could be meant.',
  upstream_code: 'wechat_app, wechat_mini_program (`js_code`), apple: the one-time code of the SDK.',
  phone_code: 'wechat_mini_program: the code of the phone number button.',
  upstream_token: 'qq_app, weibo_app: the access token of the SDK.',
  upstream_subject: 'qq_app: openid; weibo_app: uid.',
  identity_token: 'apple: the token of the SDK. May be left out where the server knows one app only.',
  raw_nonce:
    'apple: the nonce whose SHA-256 in lower-case hex was given to the SDK. Left out where the SDK takes no nonce.',
  nickname: 'apple: the name that the SDK gives at the first consent. For display only.',
}

/** Parameters of a login method, which binding takes too. */
const methodParameters = Object.entries(parameters).slice(Object.keys(parameters).indexOf('phone'))

const bindingParameters = [
  ['method', 'As for a login, and `email`. Required with the first request.'],
  ['choice', '`not_mine`: the answer to the step `confirm_owner`, which comes with a refusal.'],
  ...methodParameters,
] as const

/** Parameters of a change, in the order an app meets them. */
const changeParameters = [
  ['choice', '`send_old`: send a code to the old one; `without_old`: go on without it, and wait. Begins again.'],
  ['otp', 'The code; `proving` says of which one.'],
  ['resend', '`1`: send another code.'],
  ['phone', 'The new number: E.164, or a national number with `country`.'],
  ['country', 'Calling code for `phone`; 86.'],
  ['identifier', 'The new mail address.'],
] as const

function form(fields: Parameters, required: readonly string[]): Json {
  const properties = Object.fromEntries(fields.map(([name, description]) => [name, { type: 'string', description }]))
  const schema = { type: 'object', properties, ...(required.length > 0 ? { required } : {}) }
  return { required: true, content: { 'application/x-www-form-urlencoded': { schema } } }
}

const json = (description: string, name: string): Json => ({
  description,
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
})

const schemaOf = (schema: z.ZodType): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'output' }) as Record<string, unknown>
  return open(rest) as Json
}

/** Members may be added: an app ignores what it does not know. */
function open(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(open)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([name]) => name !== 'additionalProperties')
  return Object.fromEntries(entries.map(([name, inner]) => [name, open(inner)]))
}

/** The endpoints for apps in OpenAPI 3.1, from the very schemas their answers are tested with. */
export function openapi(issuer: string): Json {
  const dpop = {
    name: 'DPoP',
    in: 'header',
    schema: { type: 'string' },
    description: 'RFC 9449. Required of clients with dpop_bound_access_tokens; the same key in every request.',
  }
  const attestation = ['OAuth-Client-Attestation', 'OAuth-Client-Attestation-PoP'].map((name) => ({
    name,
    in: 'header',
    schema: { type: 'string' },
    description: 'draft-ietf-oauth-attestation-based-client-auth, for clients with `attestation`.',
  }))
  const refused = {
    '400': json('A step is needed, or a refusal.', 'Refusal'),
    '429': json('Too often; see Retry-After.', 'Refusal'),
    '503': json('A store or a vendor is away.', 'Refusal'),
  }
  const posted = {
    '413': json('A form of more than 16 kB.', 'Refusal'),
    '415': json('No `application/x-www-form-urlencoded`.', 'Refusal'),
  }
  const own = {
    ...refused,
    '401': json(
      'No valid access token, or a login that is too old: `insufficient_user_authentication` with `max_age`.',
      'Refusal',
    ),
    '403': json('The token lacks the scope `identities`.', 'Refusal'),
    '409': json('Somebody else’s, the last one, or one too many.', 'Refusal'),
  }
  const security = [{ token: [] }]
  const named = { name: 'identity', in: 'path', required: true, schema: { type: 'string' } }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Menshen for apps',
      version: '1',
      description:
        'Login on an app’s own screens, after the OAuth 2.0 for First-Party Applications draft. ' +
        'See docs/native-api.md.',
    },
    servers: [{ url: issuer }],
    paths: {
      [paths.challenge]: {
        post: {
          summary: 'One step of a login; ends in an authorization code.',
          parameters: [dpop, ...attestation],
          requestBody: form(Object.entries(parameters), []),
          responses: {
            '200': json('The person is in: exchange the code at /token, without redirect_uri.', 'Success'),
            ...refused,
            ...posted,
          },
        },
      },
      [paths.identities]: {
        get: {
          summary: 'The ways in of the person the access token speaks for.',
          security,
          parameters: [dpop],
          responses: { '200': json('All of them.', 'IdentityList'), ...own },
        },
        post: {
          summary: 'One step of binding a further way in.',
          security,
          parameters: [dpop],
          requestBody: form(bindingParameters, []),
          responses: { '200': json('It is bound.', 'Bound'), ...own, ...posted },
        },
      },
      [`${paths.identities}/{identity}`]: {
        delete: {
          summary: 'Removes a way in, but never the last one.',
          security,
          parameters: [dpop, named],
          responses: {
            '204': { description: 'It is gone.' },
            '404': json('None of this person’s.', 'Refusal'),
            ...own,
          },
        },
      },
      [`${paths.identities}/{identity}/change`]: {
        post: {
          summary: 'One step of putting another number or address in the place of one.',
          security,
          parameters: [dpop, named],
          requestBody: form(changeParameters, []),
          responses: { '200': json('It is changed, or waits.', 'Changed'), ...own, ...posted },
        },
        delete: {
          summary: 'Stops a change that waits.',
          security,
          parameters: [dpop, named],
          responses: { '204': { description: 'It is stopped.' }, '404': json('None waits.', 'Refusal'), ...own },
        },
      },
      [paths.consents]: {
        get: {
          summary: 'What the person has allowed apps of others.',
          security,
          parameters: [dpop],
          responses: { '200': json('All of it, what was used last first.', 'ConsentList'), ...own },
        },
      },
      ...accountDescriptions({ json, form, token: { security, parameters: [dpop] }, own, posted, methodParameters }),
      [`${paths.consents}/{client}`]: {
        delete: {
          summary: 'Takes back what the person has allowed one app; everything that it has got ends.',
          security,
          parameters: [dpop, { name: 'client', in: 'path', required: true, schema: { type: 'string' } }],
          responses: {
            '204': { description: 'It is taken back.' },
            '404': json('Nothing was allowed to it.', 'Refusal'),
            ...own,
          },
        },
      },
    },
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'An access token for this server itself: refreshed with `scope=openid identities`.',
        },
      },
      schemas: {
        Success: schemaOf(success),
        Refusal: { allOf: [schemaOf(refusal)], description: 'With `step`, the members of Step beside it.' },
        Step: schemaOf(step),
        IdentityList: schemaOf(identityList),
        Bound: schemaOf(bound),
        Changed: schemaOf(changed),
        ConsentList: schemaOf(consentList),
        DeletionFacts: schemaOf(deletionFacts),
        DeletionAsked: schemaOf(deletionAsked),
        MergeList: schemaOf(mergeList),
        Merged: schemaOf(merged),
        Unmerged: schemaOf(unmerged),
      },
    },
  }
}
