import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endRecords } from '../../src/oidc/endings/endings.ts'
import { resources } from '../support/clients.ts'
import { codeChallenge } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

const pkce = { code_challenge: codeChallenge, code_challenge_method: 'S256' }
const attester = await generateKeyPair('ES256')
const now = () => Math.floor(Date.now() / 1000)

/** A captcha that knows one right answer, each time; strict about its protocol. */
function startCaptcha(): Promise<{
  server: Server
  url: string
  asked: URLSearchParams[]
  fault: { status?: number }
}> {
  const asked: URLSearchParams[] = []
  const fault: { status?: number } = {}
  const used = new Set<string>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    asked.push(form)
    response.statusCode = fault.status ?? 200
    const answer = form.get('response') ?? ''
    const isRight =
      request.method === 'POST' &&
      form.get('secret') === 'captcha-secret' &&
      answer.startsWith('right-') &&
      !used.has(answer)
    used.add(answer)
    response.end(
      JSON.stringify({ success: isRight, ...(isRight ? {} : { 'error-codes': ['invalid-input-response'] }) }),
    )
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/siteverify`, asked, fault })
    })
  })
}

describe('before a message is sent', () => {
  let world: World
  let captcha: Awaited<ReturnType<typeof startCaptcha>>

  beforeAll(async () => {
    captcha = await startCaptcha()
    const settings = { provider: 'turnstile', site_key: 'site', secret: 'captcha-secret', verify_url: captcha.url }
    world = await openWorld({ stores: 'redis', env: { MENSHEN_CAPTCHA: JSON.stringify(settings) } })
    const publicKey = await exportJWK(attester.publicKey)
    const attestation = (required: boolean) => ({
      required,
      jwks: { keys: [{ ...publicKey, kid: 'a', alg: 'ES256' }] },
    })
    const [ios] = nativeClients
    await world.register({
      resources,
      clients: [
        ios,
        { ...ios, client_id: 'attested', attestation: attestation(false) },
        { ...ios, client_id: 'only-attested', attestation: attestation(true) },
      ] as never,
    })
  })
  afterAll(async () => {
    await world?.close()
    captcha?.server.close()
  })

  /** The headers of a genuine installation. */
  async function genuine(
    clientId: string,
    bent: { signer?: CryptoKeyLike; aud?: string; sub?: string; jti?: string } = {},
  ) {
    const installation = await generateKeyPair('ES256')
    const attestation = await new SignJWT({ cnf: { jwk: await exportJWK(installation.publicKey) } })
      .setProtectedHeader({ alg: 'ES256', typ: 'oauth-client-attestation+jwt', kid: 'a' })
      .setSubject(bent.sub ?? clientId)
      .setIssuedAt(now())
      .setExpirationTime(now() + 600)
      .sign(bent.signer ?? attester.privateKey)
    const pop = await new SignJWT({ jti: bent.jti ?? randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'oauth-client-attestation-pop+jwt' })
      .setAudience(bent.aud ?? world.issuer)
      .setIssuedAt(now())
      .sign(installation.privateKey)
    return { 'oauth-client-attestation': attestation, 'oauth-client-attestation-pop': pop }
  }

  test('an app shows once that a person is there', async () => {
    const app = new NativeApp(world)
    const asked = await app.challenge({ method: 'sms', phone: '13900040001' })
    expect(asked.body).toMatchObject({
      step: 'captcha',
      provider: 'turnstile',
      site_key: 'site',
      message_key: 'errors.captcha.required',
    })
    const wrong = await app.challenge({ method: 'sms', phone: '13900040001', captcha_token: 'wrong' })
    expect(wrong.body['step']).toBe('captcha')
    await expect(world.otp('+8613900040001')).rejects.toThrow('nothing was sent')
    const right = await app.challenge({ method: 'sms', phone: '13900040001', captcha_token: 'right-1' })
    expect(right.body['step']).toBe('otp')
    expect(captcha.asked.at(-1)?.get('remoteip')).toMatch(/127\.0\.0\.1|::1/)
    expect((await app.challenge({ resend: '1' })).body['step']).toBe('otp')
    expect((await app.challenge({ method: 'sms', phone: '13900040008' })).body['step']).toBe('otp')
    expect((await app.challenge({ method: 'sms', phone: '13900040009' })).body['step']).toBe('captcha')
    const other = new NativeApp(world)
    expect(
      (await other.challenge({ method: 'sms', phone: '13900040002', captcha_token: 'right-1' })).body['step'],
    ).toBe('captcha')
  })

  test('nothing is sent where nobody can say: another challenge takes its place', async () => {
    captcha.fault.status = 500
    try {
      const app = new NativeApp(world)
      const away = await app.challenge({ method: 'sms', phone: '13900040003', captcha_token: 'right-2' })
      expect(away.body).toMatchObject({ step: 'captcha', provider: 'altcha', altcha: { parameters: {} } })
      await expect(world.otp('+8613900040003')).rejects.toThrow('nothing was sent')
    } finally {
      delete captcha.fault.status
    }
  })

  test('a password needs no captcha', async () => {
    const app = new NativeApp(world)
    const { body } = await app.challenge({ method: 'password', identifier: 'nobody', password: 'wrong password' })
    expect(body['message_key']).toBe('errors.password.wrong')
  })

  test('an app that is attested is asked for none', async () => {
    const app = new NativeApp(world, 'attested')
    const asked = await app.challenge({ method: 'sms', phone: '13900040004' }, await genuine('attested'))
    expect(asked.body['step']).toBe('otp')
    const plain = new NativeApp(world, 'attested')
    expect((await plain.challenge({ method: 'sms', phone: '13900040005' })).body['step']).toBe('captcha')
  })

  test.each([
    ['signed by somebody else', async () => ({ signer: (await generateKeyPair('ES256')).privateKey })],
    ['for another server', async () => ({ aud: 'https://other.example.com' })],
    ['of another client', async () => ({ sub: 'ios' })],
  ])('an attestation %s is refused', async (_, bent) => {
    const app = new NativeApp(world, 'attested')
    const { status, body } = await app.challenge(
      { method: 'sms', phone: '13900040006' },
      await genuine('attested', await bent()),
    )
    expect([status, body['error']]).toEqual([400, 'invalid_client_attestation'])
  })

  test('a proof of possession is good once, and a client may demand it', async () => {
    const form = { client_id: 'only-attested', ...pkce, agreements: 'terms@sample privacy@sample' }
    const bare = new NativeApp(world, 'only-attested')
    expect((await bare.challenge({ method: 'sms', phone: '13900040007' })).body['error']).toBe(
      'invalid_client_attestation',
    )
    const headers = await genuine('only-attested')
    const answers = await Promise.all([1, 2].map(() => bare.send('POST', '/authorize-challenge', form, headers)))
    expect(answers.map(({ body }) => body['error']).sort()).toEqual([
      'insufficient_authorization',
      'invalid_client_attestation',
    ])
  })
})

describe('limits', () => {
  test('questions to vendors count for the network, in whichever session', async () => {
    const limits = JSON.stringify({ per_ip: [{ max: 3, seconds: 600 }] })
    const world = await openWorld({ stores: 'tables', env: { MENSHEN_NATIVE_LOGIN__LIMITS: limits } })
    try {
      await world.register({ resources, clients: nativeClients as never })
      const app = new NativeApp(world)
      const ask = () => app.challenge({ method: 'one_tap', vendor: 'aliyun', carrier_token: randomUUID() })
      for (let count = 0; count < 3; count++) expect((await ask()).body['message_key']).toBe('errors.one_tap.expired')
      expect((await ask()).status).toBe(429)
      await new NativeApp(world).challenge({})
      await new NativeApp(world).challenge({})
      expect((await new NativeApp(world).challenge({})).status).toBe(429)
    } finally {
      await world.close()
    }
  })

  test('logins that begin count for the key and for the network; the answer says when to come again', async () => {
    const world = await openWorld({ stores: 'tables' })
    try {
      await world.register({ resources, clients: nativeClients as never })
      const app = await new NativeApp(world).withKey()
      for (let count = 0; count < 30; count++) {
        app.authSession = undefined
        expect((await app.challenge({})).body['error']).toBe('insufficient_authorization')
      }
      app.authSession = undefined
      const tooMany = await app.challenge({})
      expect([tooMany.status, tooMany.body['error']]).toEqual([429, 'slow_down'])
      expect(Number(tooMany.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(tooMany.body['retry_after']).toBe(Number(tooMany.headers.get('retry-after')))
      const other = await new NativeApp(world).withKey()
      expect((await other.challenge({})).status).toBe(400)
    } finally {
      await world.close()
    }
  })
})

describe('a document with a new version that has to be agreed to', () => {
  test('stops the refresh until the app comes back with the answer, and logs nobody out', async () => {
    const documents = (version: string) => JSON.stringify([{ id: 'terms', version, url: '/terms', reconfirm: true }])
    const before = await openWorld({ env: { MENSHEN_AGREEMENTS: documents('1') } })
    await before.register({ resources, clients: nativeClients as never })
    const after = await openWorld({ beside: before, env: { MENSHEN_AGREEMENTS: documents('2') } })
    try {
      const old = await new NativeApp(before).withKey()
      const tokens = await old.exchange(await nativeSms(before, old, '13900040020', { agreements: 'terms@1' }))
      const sub = (await old.claims(tokens)).sub
      const first = await old.refresh(tokens)
      old.through(after)
      const waits = await old.tryToken({ grant_type: 'refresh_token', refresh_token: first.refresh_token })
      expect(waits.status).toBe(403)
      expect(waits.body).toMatchObject({
        error: 'insufficient_authorization',
        step: 'agreement',
        agreements: [{ id: 'terms', version: '2' }],
        auth_session: expect.any(String),
      })
      const thief = await new NativeApp(after).withKey()
      thief.authSession = waits.body.auth_session
      expect((await thief.challenge({ ...pkce, agreements: 'terms@2' })).body['error']).toBe('invalid_session')
      old.authSession = waits.body.auth_session
      const scope = { ...pkce, scope: 'openid phone offline_access' }
      expect((await old.challenge({ ...scope, agreements: 'terms@1' })).body['step']).toBe('agreement')
      const done = await old.challenge({ ...scope, agreements: 'terms@2' })
      expect(done.status).toBe(200)
      const next = await old.exchange(done)
      expect(await old.claims(next)).toMatchObject({ sub, amr: ['sms', 'otp'] })
      expect((await old.refresh(next)).access_token).toBeTruthy()
      const gone = await old.tryToken({ grant_type: 'refresh_token', refresh_token: first.refresh_token })
      expect(gone.body['error']).toBe('invalid_grant')

      // Somebody else has a refresh token that was used: that is theft, and no reason to ask for consent.
      const victim = new NativeApp(before)
      const used = await victim.exchange(await nativeSms(before, victim, '13900040021', { agreements: 'terms@1' }))
      const successor = await victim.refresh(used)
      walkTo(25 * 3_600_000)
      victim.through(after)
      const stolen = await victim.tryToken({ grant_type: 'refresh_token', refresh_token: used.refresh_token })
      expect([stolen.status, stolen.body['error']]).toEqual([400, 'invalid_grant'])
      const ended = await victim.tryToken({ grant_type: 'refresh_token', refresh_token: successor.refresh_token })
      expect(ended.body['error']).toBe('invalid_grant')
    } finally {
      resetClock()
      await after.close()
      await before.close()
    }
  })

  test('an answer does not bring back a login that was ended meanwhile', async () => {
    const documents = JSON.stringify([{ id: 'terms', version: '1', url: '/terms', reconfirm: true }])
    const before = await openWorld({ env: { MENSHEN_AGREEMENTS: documents } })
    await before.register({ resources, clients: nativeClients as never })
    const newer = documents.replace('"1"', '"2"')
    const after = await openWorld({ beside: before, env: { MENSHEN_AGREEMENTS: newer } })
    try {
      const app = new NativeApp(before)
      const tokens = await app.exchange(await nativeSms(before, app, '13900040021', { agreements: 'terms@1' }))
      const userId = (await app.claims(tokens)).sub
      app.through(after)
      const waits = await app.tryToken({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
      expect(waits.body['step']).toBe('agreement')
      await endRecords(before.app.core, userId as never, { kind: 'all' }, { reason: 'operator' })
      app.authSession = waits.body.auth_session
      const back = await app.challenge({ ...pkce, scope: 'openid', agreements: 'terms@2' })
      expect(back.body).toMatchObject({ error: 'invalid_session' })
      expect(back.body.auth_session).toBeUndefined()
    } finally {
      await after.close()
      await before.close()
    }
  })
})

type CryptoKeyLike = Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
