import fc from 'fast-check'
import { hostile } from '../support/hostile.ts'
import type { RawRequest } from '../support/raw.ts'
import { formType } from '../support/raw.ts'
import type { Route } from '../support/routes.ts'

/** What really exists at the server: names of parameters with values that would be right somewhere. */
export type Living = ReadonlyMap<string, readonly string[]>

/** Whole requests that would be right, by route, each a set of parameters. */
export type Right = Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>

/** Who sends a request: the cookies are put in when it is sent. */
export type Sender = 'nobody' | 'member' | 'stranger'

export interface Generated extends RawRequest {
  readonly route: string
  readonly sender: Sender
}

const protocolNames =
  'client_id client_secret redirect_uri response_type response_mode scope state nonce prompt max_age acr_values claims ui_locales login_hint id_token_hint code_challenge code_challenge_method request request_uri resource grant_type code code_verifier refresh_token device_code token token_type_hint dpop_jkt audience authorization_details post_logout_redirect_uri logout_hint offline method kind lang to'
const formNames =
  'method phone country otp identifier password new_password agreement resend choice form_token xsrf logout user_code confirm abort nickname device identity answer done handle change error error_description'
const appNames =
  'auth_session agreements connection upstream_code upstream_token upstream_subject identity_token raw_nonce phone_code carrier_token vendor openid device_name captcha_token altcha question question_answer round require_phone'
const names = `${protocolNames} ${formNames} ${appNames}`.split(' ')

/** Values that mean something to some parameter, so that a request gets past the first look. */
const known =
  'code form_post query S256 plain openid openid%20phone none login consent web tv ios backend authorization_code refresh_token client_credentials urn:ietf:params:oauth:grant-type:device_code access_token sms password register reset github wechat qq weibo apple one_tap univerify aliyun new bind yes on 86 1 13800138000 all others zh-CN en {"userinfo":{"phone_number":null}} {"id_token":{"acr":{"essential":true,"value":"x"}}} {"id_token":[]} 0 -1 9999999999'
    .split(' ')
    .map(decodeURIComponent)

/** Every cookie of ours, with and without the prefix that it has under https. */
const cookieNames =
  'menshen_browser_x menshen_browser_0a1b2c menshen_device menshen_codes menshen_client menshen_last menshen_lang menshen_session menshen_interaction menshen_resume'
    .split(' ')
    .flatMap((name) => [name, `__Host-${name}`, `${name}.sig`])

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
/** What looks like a DPoP proof or an attestation until it is read. */
const jwts = fc
  .record({
    typ: fc.constantFrom(
      'dpop+jwt',
      'oauth-client-attestation+jwt',
      'oauth-client-attestation-pop+jwt',
      'JWT',
      1,
      null,
    ),
    alg: fc.constantFrom('ES256', 'RS256', 'EdDSA', 'none', 'HS256', '__proto__', 7),
    jwk: fc.constantFrom<unknown>(
      undefined,
      null,
      {},
      [],
      'x',
      { kty: 'EC' },
      { kty: 'EC', crv: 'P-256', x: 'é', y: 1 },
      { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      { kty: 'OKP', crv: 'Ed25519', x: '' },
      { kty: 'oct', k: 'AA' },
    ),
    more: fc.constantFrom<object>({}, { crit: ['b64'], b64: false }, { kid: ['x'] }, { x5c: [1] }, { jku: '//x' }),
    payload: fc.constantFrom<unknown>(
      {},
      null,
      [],
      'x',
      { jti: 1, iat: 'x', htm: [], htu: '//' },
      { iss: {}, sub: null, aud: 1, exp: 1e99, iat: -1, jti: {}, cnf: { jwk: null } },
      { cnf: { jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }, sub: 'ios', exp: 9_999_999_999 },
    ),
    signature: fc.constantFrom('AA', '', 'é', 'A'.repeat(86)),
  })
  .map(
    ({ typ, alg, jwk, more, payload, signature }) =>
      `${base64({ typ, alg, jwk, ...more })}.${base64(payload)}.${encodeURIComponent(signature)}`,
  )

const encode = (text: string) => encodeURIComponent(text.toWellFormed())

/** Requests to every route, half of them nearly right: the wrong ones are stopped at the first look, which is soon fuzzed enough. */
export function requests(routes: readonly Route[], living: Living, right: Right): fc.Arbitrary<Generated> {
  const pair = fc.constantFrom(...names).chain((name) => {
    const own = living.get(name) ?? []
    const right = own.length === 0 ? [] : [{ weight: 6, arbitrary: fc.constantFrom(...own) }]
    const any = fc.constantFrom(...[...living.values()].flat(), ...known)
    const value = fc.oneof(
      ...right,
      { weight: 3, arbitrary: any },
      { weight: 3, arbitrary: hostile },
      { weight: 1, arbitrary: fc.constantFrom('x'.repeat(3000), 'é'.repeat(2000), '9'.repeat(4000), ' '.repeat(3000)) },
    )
    return value.map((text) => `${name}=${encode(text)}`)
  })
  const broken = fc.constantFrom('a=%zz', 'a=%ED%A0%80', 'a=%00', '=', '&&&', 'a[]=1', 'a[b]=1', '__proto__=1', 'a=%FF')
  const pairs = (most: number) =>
    fc
      .array(fc.oneof({ weight: 20, arbitrary: pair }, { weight: 1, arbitrary: broken }), { maxLength: most })
      .map((all) => all.join('&'))
  const bodies = fc.oneof(
    { weight: 20, arbitrary: pairs(10) as fc.Arbitrary<string | Buffer> },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constantFrom(`state=${'x'.repeat(70_000)}`, '{"a":[1]}', '[]', '{') },
  )
  const types = fc.oneof(
    { weight: 20, arbitrary: fc.constant(formType) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        'application/json',
        'text/plain',
        'multipart/form-data; boundary=x',
        `${formType}; charset=x`,
      ),
    },
  )
  const tokens = [...(living.get('access_token') ?? []), ...(living.get('token') ?? []), 'x', 'a.b.c', 'é']
  const some = (values: fc.Arbitrary<string>) => fc.option(values, { nil: undefined, freq: 4 })
  const header = (choices: readonly string[]) => some(fc.constantFrom(...choices))
  const cookieValue = fc.oneof(
    hostile.map(encode),
    fc.constantFrom('', '%', '%zz', 'x'.repeat(22), 'x'.repeat(1600), '"', '=='),
  )
  const cookies = fc
    .array(fc.tuple(fc.constantFrom(...cookieNames), cookieValue), { minLength: 1, maxLength: 12 })
    .map((all) => all.map(([name, value]) => `${name}=${value}`).join('; '))
  const headers = fc
    .record({
      accept: fc.constantFrom('text/html', 'application/json', '*/*', '', ';q=0,,', 'text/*;q=0.1'),
      authorization: header([
        ...tokens.flatMap((value) => [`Bearer ${encode(value)}`, `DPoP ${encode(value)}`]),
        ...(living.get('authorization') ?? []),
        'Basic !!!',
        `Basic ${Buffer.from('é:\0').toString('base64')}`,
        'Bearer',
      ]),
      dpop: fc.oneof(header([...(living.get('dpop') ?? []), 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.']), some(jwts)),
      origin: header(['null', 'https://app.example.com', 'https://evil.example', `HTTP://P${'HTTP://P'.repeat(100)}`]),
      'sec-fetch-site': header(['same-origin', 'same-origin', 'cross-site', 'none', 'x']),
      'accept-language': header(['en', 'zh-CN,zh;q=0.9', '*', ';;;q=0', 'x'.repeat(500)]),
      'oauth-client-attestation': some(fc.oneof(fc.constantFrom('a.b.c', 'x'), jwts)),
      'oauth-client-attestation-pop': some(fc.oneof(fc.constantFrom('a.b.c', 'x'), jwts)),
      'user-agent': header(['MicroMessenger/8', '', 'é'.repeat(300), 'Version/1 '.repeat(50)].map(encode)),
      cookie: fc.oneof(
        header(['menshen_session=x', 'menshen_lang=xx; menshen_lang_now=%', '__Host-x=;;;=', 'a="b']),
        some(cookies),
      ),
    })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
  const segments = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...(living.get('uid') ?? ['x']), ...(living.get('connection') ?? ['x'])) },
    { weight: 1, arbitrary: fc.constantFrom('x', '%00', '%zz', '..%2f', 'é', '__proto__', 'x'.repeat(900)) },
  )
  const target = fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...routes) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('/livez', '/', '/assets/menshen.css', '/assets/%2e%2e/x', '//x', '/%', '/metrics')
        .map((path): Route => ({ method: 'GET', path, name: 'other', whose: 'ours' })),
    },
  )
  const method = fc.oneof(
    { weight: 20, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'POST', 'GET', 'DELETE', 'PUT', 'PATCH') },
  )
  const spelled = fc.oneof(
    { weight: 20, arbitrary: fc.constant((path: string) => path) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        (path: string) => path.toUpperCase(),
        (path: string) => `${path}/`,
        (path: string) => `/${path}`,
      ),
    },
  )
  const sender = fc.constantFrom<Sender>('nobody', 'member', 'member', 'stranger')
  return fc
    .record({ target, method, spelled, segments, query: pairs(8), body: bodies, type: types, headers, sender })
    .chain((drawn) =>
      fc
        .option(fc.constantFrom(...(right[drawn.target.path] ?? [{}])), { nil: undefined })
        .map((whole) => ({ ...drawn, whole: wholeOf(whole, drawn.sender) })),
    )
    .map(({ target, method, spelled, segments, query: own, body: ownBody, type, headers, sender, whole }) => {
      const verb = method ?? target.method
      const isPost = verb === 'POST'
      const query = whole && !isPost ? mended(whole, own) : own
      const body = whole && isPost && typeof ownBody === 'string' ? mended(whole, ownBody) : ownBody
      const hasBody = verb === 'POST' || verb === 'PUT' || verb === 'PATCH'
      const path = spelled(target.path).replace(/:\w+/gi, encodeSegment(segments))
      return {
        route: target.path,
        sender,
        method: verb,
        path: query === '' || (hasBody && query.length % 3 > 0) ? path : `${path}?${query}`,
        headers: { ...headers, 'content-type': hasBody ? type : '' },
        ...(hasBody ? { body } : {}),
      }
    })
}

function wholeOf(whole: Readonly<Record<string, string>> | undefined, sender: Sender) {
  return sender === 'nobody' && whole?.['xsrf'] !== undefined ? undefined : whole
}

/** A right request in which the first of the drawn parameters takes the place of its own, or is added. */
function mended(whole: Readonly<Record<string, string>>, drawn: string): string {
  const [first = ''] = drawn.split('&')
  const kept = Object.entries(whole).filter(([name]) => !first.startsWith(`${name}=`))
  return [...kept.map(([name, value]) => `${name}=${encode(value)}`), ...(first === '' ? [] : [first])].join('&')
}

/** What Node would not send is sent escaped. */
function encodeSegment(segment: string): string {
  return segment.includes('%') ? segment : encode(segment)
}
