import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { bound, identityList } from '../../interactions/native/answers.ts'
import { clients, resources } from '../support/clients.ts'
import { type NativeAnswer, NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { miniProgram, openUpstreams, phoneOf, type Upstreams } from '../support/upstreams.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  const env = { ...upstreams.env(['weibo', 'wechat']), MENSHEN_IDENTITIES_PER_PROVIDER: '{ phone: 2 }' }
  world = await openWorld({ stores: 'tables', port, env })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

type Form = Readonly<Record<string, string>>

/** Somebody signed in on a phone, with a token for this server itself. */
class Owner {
  readonly app: NativeApp
  token = ''
  sub = ''
  #refresh = ''

  constructor(app: NativeApp) {
    this.app = app
  }

  static async enter(phone: string, app = new NativeApp(world)): Promise<Owner> {
    const owner = new Owner(app)
    await owner.take(await nativeSms(world, app, phone, { scope: 'openid phone identities offline_access' }))
    return owner
  }

  async take(answer: NativeAnswer): Promise<void> {
    const tokens = await this.app.exchange(answer)
    this.sub = String((await this.app.claims(tokens)).sub)
    const own = await this.app.refresh(tokens, { scope: 'openid identities' })
    this.token = own.access_token
    this.#refresh = own.refresh_token
  }

  async refresh(): Promise<void> {
    const own = await this.app.refresh({ refresh_token: this.#refresh } as never, { scope: 'openid identities' })
    this.token = own.access_token
    this.#refresh = own.refresh_token
  }

  async send(method: string, path: string, form?: Form, headers: Form = {}): Promise<NativeAnswer> {
    const proof = await this.app.proof(method, path, this.token)
    const scheme = proof['dpop'] === undefined ? 'Bearer' : 'DPoP'
    return this.app.send(method, path, form, { authorization: `${scheme} ${this.token}`, ...proof, ...headers })
  }

  async list() {
    const { body } = await this.send('GET', '/identities')
    return identityList.parse(body).identities
  }
}

const weibo = (person: string): Form => {
  const { access_token } = upstreams.weibo.issueTokens(person, '202')
  return { method: 'weibo_app', upstream_token: access_token, upstream_subject: upstreams.weibo.uid(person) }
}

test('lists, binds and unbinds, but never the last one', async () => {
  const owner = await Owner.enter('13900030001')
  expect(await owner.list()).toMatchObject([
    { provider: 'phone', label: '139****0001', verified: true, removable: false, signed_in_with: true },
  ])
  const done = await owner.send('POST', '/identities', weibo('p1'))
  expect(done.status).toBe(200)
  expect(bound.parse(done.body)).toMatchObject({
    is_new: true,
    identities: [
      { removable: true, signed_in_with: true },
      { provider: 'weibo', signed_in_with: false },
    ],
  })
  const again = await owner.send('POST', '/identities', weibo('p1'))
  expect(again.body).toMatchObject({ bound: true, is_new: false })
  const [phone, other] = await owner.list()
  const gone = await owner.send('DELETE', `/identities/${other?.id}`)
  expect([gone.status, gone.headers.get('content-length')]).toEqual([204, null])
  const last = await owner.send('DELETE', `/identities/${phone?.id}`)
  expect(last).toMatchObject({ status: 409, body: { error: 'access_denied', message_key: 'errors.identity.last' } })
  expect(await owner.list()).toHaveLength(1)
  const rows = await world.database.database.knex('audit_events').where({ user_id: owner.sub }).orderBy('id')
  const events = rows.map(({ event }) => event).filter((each) => each.startsWith('identity.'))
  expect(events).toEqual(['identity.bound', 'identity.unbound', 'identity.refused'])
})

test('a further phone number is bound by its code', async () => {
  const owner = await Owner.enter('13900030002')
  const asked = await owner.send('POST', '/identities', { method: 'sms', phone: '13900030003' })
  expect(asked).toMatchObject({
    status: 400,
    body: { error: 'insufficient_authorization', step: 'otp', masked: '139****0003' },
  })
  const wrong = await owner.send('POST', '/identities', { otp: '000000x' })
  expect(wrong.body).toMatchObject({ message_key: 'errors.otp.wrong', step: 'otp', attempts_left: 4 })
  const done = await owner.send('POST', '/identities', { otp: await world.otp('+8613900030003') })
  expect(done.body).toMatchObject({ bound: true, is_new: true })
  const other = new NativeApp(world)
  const claims = await other.claims(await other.exchange(await nativeSms(world, other, '13900030003')))
  expect(claims.sub).toBe(owner.sub)
  const { openid, access_token } = upstreams.oneTap.carrier.issueUniverify(phoneOf(4))
  const full = await owner.send('POST', '/identities', {
    method: 'one_tap',
    vendor: 'univerify',
    openid,
    carrier_token: access_token,
  })
  expect(full).toMatchObject({ status: 409, body: { message_key: 'errors.identity.limit' } })
})

test('what is somebody else’s stays theirs', async () => {
  const other = await Owner.enter('13900030005')
  await other.send('POST', '/identities', weibo('p5'))
  const owner = await Owner.enter('13900030006')
  const taken = await owner.send('POST', '/identities', weibo('p5'))
  expect(taken).toMatchObject({ status: 409, body: { message_key: 'errors.identity.taken' } })
  const [, theirs] = await other.list()
  const removed = await owner.send('DELETE', `/identities/${theirs?.id}`)
  expect(removed.status).toBe(404)
  expect(await other.list()).toHaveLength(2)
  expect(await owner.list()).toHaveLength(1)
})

test('of two in one request none is bound when one is somebody else’s', async () => {
  await Owner.enter(phoneOf(15).slice(3))
  const owner = await Owner.enter('13900030015')
  const both = {
    method: 'wechat_mini_program',
    upstream_code: upstreams.wechat.loginMiniProgram('p15', miniProgram),
    phone_code: upstreams.wechat.phoneCode('p15', miniProgram),
  }
  const taken = await owner.send('POST', '/identities', both)
  expect(taken).toMatchObject({ status: 409, body: { message_key: 'errors.identity.taken' } })
  expect(await owner.list()).toHaveLength(1)
})

test('a binding is that of its login: another one cannot go on with it', async () => {
  const owner = await Owner.enter('13900030007')
  const elsewhere = await Owner.enter('13900030007')
  await owner.send('POST', '/identities', { method: 'sms', phone: '13900030008' })
  const otp = await world.otp('+8613900030008')
  const answer = await elsewhere.send('POST', '/identities', { method: 'sms', otp })
  expect(answer.status).toBe(400)
  expect(await owner.list()).toHaveLength(1)
})

test('a login that is too old has to be renewed, and the kept auth_session does it', async () => {
  const owner = await Owner.enter('13900030009')
  walkTo(601_000)
  await owner.refresh()
  expect(await owner.list()).toHaveLength(1)
  const old = await owner.send('POST', '/identities', weibo('p9'))
  expect(old).toMatchObject({ status: 401, body: { error: 'insufficient_user_authentication', max_age: 600 } })
  expect(old.body['message_key']).toBe('errors.login.required')
  expect(old.headers.get('www-authenticate')).toBe('Bearer error="insufficient_user_authentication", max_age="600"')
  expect((await owner.send('DELETE', `/identities/${(await owner.list())[0]?.id}`)).status).toBe(401)
  await owner.app.challenge({
    ...{ method: 'sms', phone: '13900030009', max_age: '600', scope: 'openid phone identities offline_access' },
    ...{ code_challenge: (await import('../support/login.ts')).codeChallenge, code_challenge_method: 'S256' },
  })
  await owner.take(await owner.app.challenge({ otp: await world.otp('+8613900030009') }))
  expect((await owner.send('POST', '/identities', weibo('p9'))).status).toBe(200)
})

test('a token of another kind, scope, key or user status opens nothing', async () => {
  const app = await new NativeApp(world).withKey()
  const owner = await Owner.enter('13900030010', app)
  expect(await owner.list()).toHaveLength(1)
  const proof = await app.proof('GET', '/identities', owner.token)
  const refused = async (headers: Form) => {
    const { status, body } = await app.send('GET', '/identities', undefined, headers)
    return [status, body['error']]
  }
  expect(await refused({})).toEqual([401, 'invalid_token'])
  expect(await refused({ authorization: 'Bearer nothing' })).toEqual([401, 'invalid_token'])
  expect(await refused({ authorization: `Bearer ${owner.token}` })).toEqual([401, 'invalid_token'])
  expect(await refused({ authorization: `DPoP ${owner.token}` })).toEqual([401, 'invalid_dpop_proof'])
  const other = await (await new NativeApp(world).withKey()).proof('GET', '/identities', owner.token)
  expect(await refused({ authorization: `DPoP ${owner.token}`, ...other })).toEqual([401, 'invalid_token'])
  expect(await refused({ authorization: `DPoP ${owner.token}`, ...proof, origin: world.issuer })).toEqual([
    400,
    'invalid_request',
  ])

  const plain = new NativeApp(world)
  const tokens = await plain.exchange(
    await nativeSms(world, plain, '13900030011', { scope: 'openid phone offline_access' }),
  )
  expect(await refused({ authorization: `Bearer ${tokens.access_token}` })).toEqual([401, 'invalid_token'])
  const opaque = {
    ...{ resource: 'https://opaque.example.com', scope: 'openid identities offline_access orders:read' },
  }
  const ofApi = await plain.exchange(await nativeSms(world, new NativeApp(world), '13900030012', opaque), opaque)
  expect(ofApi.access_token).not.toContain('.')
  expect(await refused({ authorization: `Bearer ${ofApi.access_token}` })).toEqual([401, 'invalid_token'])
  const unscoped = await plain.refresh(tokens, { scope: 'openid phone' })
  expect(await refused({ authorization: `Bearer ${unscoped.access_token}` })).toEqual([403, 'insufficient_scope'])

  await world.app.core.directory.setStatus(owner.sub as never, 'locked')
  expect((await owner.send('GET', '/identities')).status).toBe(401)
})

test('asking a vendor is limited as it is in a login, and what asks none goes on', async () => {
  const env = { ...upstreams.env(['weibo']), MENSHEN_NATIVE_LOGIN__LIMITS__PER_IP: '[{ max: 3, seconds: 600 }]' }
  const sparing = await openWorld({ beside: world, env })
  try {
    const owner = await Owner.enter('13900030099')
    owner.app.through(sparing)
    const asked = () => owner.send('POST', '/identities', { ...weibo('p1'), upstream_token: 'nobody’s' })
    for (let count = 0; count < 3; count++) expect((await asked()).status).toBe(400)
    const tooMany = await asked()
    expect([tooMany.status, tooMany.body['error']]).toEqual([429, 'slow_down'])
    expect((await owner.send('POST', '/identities', { method: 'sms', phone: '13900030098' })).body['step']).toBe('otp')
  } finally {
    await sparing.close()
  }
})
