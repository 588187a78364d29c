import { backendAuth, redirectUri } from '../support/clients.ts'
import { codeChallenge, codeVerifier, exchange, loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeSms } from '../support/native-app.ts'
import type { Visitor } from '../support/visitor.ts'
import type { World } from '../support/world.ts'
import type { Living, Right } from './requests.ts'

export interface Actors {
  readonly member: Visitor
  readonly stranger: Visitor
  readonly living: Living
  readonly right: Right
}

const post = async (world: World, path: string, form: Record<string, string>) =>
  (await (
    await fetch(`http://localhost:${world.port}${path}`, { method: 'POST', body: new URLSearchParams(form) })
  ).json()) as Record<string, string>

/** Things that are really there, of every kind a request may name. Most are used up sooner or later; call it again then. */
export async function makeLiving(world: World, round: number): Promise<Actors> {
  const phone = `138${String(10_000_000 + round).padStart(8, '0')}`
  const [member, stranger] = [world.visitor(), world.visitor()]
  const scope = 'openid profile phone offline_access'
  const back = await loginBySms(world, member, startLogin(world, 'web', redirectUri, { scope }), phone)
  const tokens = await exchange(world, 'web', redirectUri, back.location)
  const again = await loginBySms(
    world,
    stranger,
    startLogin(world, 'web', redirectUri, { scope }),
    `139${phone.slice(3)}`,
  )
  const [own, other] = await Promise.all(
    [member, stranger].map((visitor) =>
      reachLogin(visitor, startLogin(world, 'plain', redirectUri, { prompt: 'login' })),
    ),
  )
  const [device, pushed] = await Promise.all([
    post(world, '/device/auth', { client_id: 'tv', scope: 'openid' }),
    post(world, '/request', {
      client_id: 'plain',
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: codeChallenge,
      code_challenge_method: 'S256',
    }),
  ])
  const app = await new NativeApp(world).withKey()
  const native = await app.exchange(await nativeSms(world, app, phone, { scope: 'openid phone identities' }))
  const waiting = await new NativeApp(world).challenge({ method: 'sms', phone: `137${phone.slice(3)}` })
  const pages = await Promise.all(['/account/profile', '/device', '/session/end'].map((path) => member.get(path)))
  const left = await member.post(own?.url ?? '', { method: 'github', agreement: 'on' })
  const found = (pattern: RegExp) => pages.flatMap(({ text }) => pattern.exec(text)?.[1] ?? [])
  const living: Record<string, readonly (string | undefined)[]> = {
    uid: [own, other].map((page) => page?.url.pathname.split('/')[2]),
    connection: ['github', 'wechat', 'qq', 'weibo', 'apple'],
    method: ['github', 'wechat', 'sms', 'password', 'register', 'reset'],
    client_id: ['web', 'plain', 'tv', 'ios', 'backend', 'third'],
    redirect_uri: [redirectUri, 'com.example.shop:/callback'],
    response_type: ['code'],
    scope: ['openid', scope, 'orders:read'],
    code_challenge: [codeChallenge],
    code_challenge_method: ['S256'],
    code_verifier: [codeVerifier],
    code: [new URL(again.location ?? 'x:').searchParams.get('code') ?? ''],
    grant_type: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
    refresh_token: [tokens['refresh_token'], native.refresh_token],
    access_token: [tokens['access_token'], native.access_token],
    token: [tokens['access_token'], tokens['refresh_token'], native.access_token],
    id_token_hint: [tokens['id_token'], native.id_token],
    device_code: [device['device_code']],
    user_code: [device['user_code']],
    request_uri: [pushed['request_uri']],
    auth_session: [waiting.body.auth_session],
    state: [new URL(left.location ?? 'x:').searchParams.get('state') ?? 'x'],
    form_token: found(/name="form_token" value="([^"]+)"/),
    xsrf: found(/name="xsrf" value="([^"]+)"/),
    authorization: [backendAuth.authorization],
    dpop: Object.values(await app.proof('GET', '/identities', native.access_token)),
    phone: [phone],
    resource: ['https://api.example.com', 'https://opaque.example.com'],
  }
  const present = Object.entries(living).map(([name, values]): [string, string[]] => [
    name,
    values.filter((value): value is string => value !== undefined && value !== ''),
  ])
  const made = new Map(present.filter(([, values]) => values.length > 0))
  return { member, stranger, living: made, right: rightRequests(made) }
}

/** Of each route a request or several that would be answered; a fuzzed one differs from it by a parameter. */
function rightRequests(living: Living): Right {
  const of = (name: string, index = 0) => living.get(name)?.[index] ?? 'x'
  const authorization = {
    client_id: 'plain',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  }
  const form_token = of('form_token')
  const native = { client_id: 'ios', response_type: 'code', scope: 'openid', agreements: 'terms@sample privacy@sample' }
  const challenge = { code_challenge: codeChallenge, code_challenge_method: 'S256' }
  return {
    '/auth': [authorization, { ...authorization, prompt: 'login' }, { ...authorization, response_mode: 'form_post' }],
    '/request': [authorization],
    '/device/auth': [{ client_id: 'tv', scope: 'openid' }],
    '/device': [
      { xsrf: of('xsrf'), user_code: of('user_code') },
      { xsrf: of('xsrf'), user_code: 'x', confirm: 'yes' },
    ],
    '/session/end': [
      { id_token_hint: of('id_token_hint') },
      { client_id: 'web', post_logout_redirect_uri: 'https://app.example.com/' },
    ],
    '/session/end/confirm': [{ xsrf: of('xsrf', 1) }],
    '/token': [
      { client_id: 'web', grant_type: 'refresh_token', refresh_token: of('refresh_token') },
      {
        client_id: 'web',
        grant_type: 'authorization_code',
        code: of('code'),
        redirect_uri: redirectUri,
        code_verifier: codeVerifier,
      },
      { client_id: 'tv', grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: of('device_code') },
    ],
    '/token/introspection': [{ client_id: 'web', token: of('token') }],
    '/token/revocation': [{ client_id: 'web', token: of('token', 1) }],
    '/interaction/:uid': [
      { method: 'sms', phone: of('phone'), agreement: 'on' },
      { method: 'sms', otp: '123456', agreement: 'on' },
      { method: 'password', identifier: 'somebody', password: 'a long enough phrase', agreement: 'on' },
      {
        method: 'register',
        identifier: `u${of('uid').slice(0, 8)}`,
        new_password: 'a long enough phrase',
        agreement: 'on',
      },
      { method: 'reset', identifier: of('phone') },
      { method: 'github', agreement: 'on' },
    ],
    '/callback/:connection': [{ state: of('state'), code: 'x' }],
    '/account/profile': [{ form_token, nickname: 'x' }],
    '/account/password': [{ form_token, new_password: 'a long enough phrase' }],
    '/account/devices': [{ form_token, device: 'session:x' }],
    '/account/identities': [{ form_token, method: 'github' }],
    '/account/identities/phone': [{ form_token, phone: '13712345678' }],
    '/account/identities/email': [{ form_token, identifier: 'a@example.com' }],
    '/account/identities/unbind': [{ form_token, identity: 'x' }],
    '/authorize-challenge': [
      { ...native, ...challenge, method: 'sms', phone: of('phone') },
      { ...native, ...challenge, method: 'wechat_app', connection: 'wechat', upstream_code: 'x' },
      { ...native, ...challenge, method: 'one_tap', vendor: 'univerify', carrier_token: 'x', openid: 'x' },
      {
        ...native,
        ...challenge,
        method: 'apple',
        connection: 'apple',
        identity_token: 'a.b.c',
        upstream_code: 'x',
        raw_nonce: 'x',
      },
      { auth_session: of('auth_session'), client_id: 'ios', otp: '123456' },
    ],
  }
}
