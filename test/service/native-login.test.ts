import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resources } from '../support/clients.ts'
import { codeChallenge, exchange, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { agreements, NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

const webRedirect = 'https://app.example.com/callback'

describe.each(['redis', 'tables'] as const)(
  'the authorization challenge endpoint, short-lived values in %s',
  (stores) => {
    let world: World

    beforeAll(async () => {
      world = await openWorld({ stores })
      const web = {
        client_id: 'web',
        first_party: true,
        token_endpoint_auth_method: 'none',
        redirect_uris: [webRedirect],
        scope: 'openid phone',
      }
      const ours = { ...nativeClients[0], default_resource: undefined }
      await world.register({
        resources,
        clients: [
          ...nativeClients,
          web,
          { ...web, client_id: 'third', first_party: false, application_type: 'native' },
          { ...ours, client_id: 'two', redirect_uris: ['com.a:/x', 'com.b:/y'] },
          { ...ours, client_id: 'bound', dpop_bound_access_tokens: true },
        ] as never,
      })
    })
    afterAll(() => world.close())

    test('is published', async () => {
      const discovery = await fetch(`${world.issuer}/.well-known/openid-configuration`)
      expect(await discovery.json()).toMatchObject({
        authorization_challenge_endpoint: `${world.issuer}/authorize-challenge`,
      })
    })

    test('phone and code end in a code that is exchanged without redirect_uri', async () => {
      const app = new NativeApp(world)
      const asked = await app.challenge({ method: 'sms', phone: '13900010001', nonce: 'the-nonce' })
      expect(asked.status).toBe(400)
      expect(asked.headers.get('cache-control')).toBe('no-store')
      expect(asked.headers.get('www-authenticate')).toBeNull()
      expect(asked.body).toMatchObject({
        error: 'insufficient_authorization',
        step: 'otp',
        channel: 'sms',
        masked: '139****0001',
        code_length: 6,
        expires_in: 300,
        resend_after: 60,
      })
      expect(Buffer.from(String(asked.body.auth_session), 'base64url')).toHaveLength(32)
      const wrong = await app.challenge({ otp: '000000x' })
      expect(wrong.body).toMatchObject({
        error: 'insufficient_authorization',
        message_key: 'errors.otp.wrong',
        step: 'otp',
        attempts_left: 4,
      })
      expect(wrong.body.auth_session).not.toBe(asked.body.auth_session)
      const done = await app.challenge({ otp: await world.otp('+8613900010001') })
      expect(done.status).toBe(200)
      expect(done.body).toMatchObject({ new_user: true })
      const tokens = await app.exchange(done)
      expect(await app.claims(tokens)).toMatchObject({
        amr: ['sms', 'otp'],
        acr: 'urn:menshen:acr:possession',
        nonce: 'the-nonce',
        auth_time: expect.any(Number),
        phone_number: '+8613900010001',
      })
      const fresh = await app.refresh(tokens)
      expect((await app.claims(fresh)).sub).toBe((await app.claims(tokens)).sub)
    })

    test('the same number in a browser is the same person', async () => {
      const app = new NativeApp(world)
      const { sub } = await app.claims(await app.exchange(await nativeSms(world, app, '13900010002')))
      const back = await loginBySms(world, world.visitor(), startLogin(world, 'web', webRedirect), '13900010002')
      expect(subjectOf(await exchange(world, 'web', webRedirect, back.location))).toBe(sub)
    })

    test('an auth_session is good for one request, of one client', async () => {
      const app = new NativeApp(world)
      const first = await app.challenge({ method: 'sms', phone: '13900010003' })
      const used = String(first.body.auth_session)
      const foreign = await app.send('POST', '/authorize-challenge', { client_id: 'mp', auth_session: used })
      expect(foreign.body).toMatchObject({ error: 'invalid_session' })
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => app.send('POST', '/authorize-challenge', { auth_session: used, otp: 'x' })),
      )
      const errors = answers.map(({ body }) => body['error'])
      expect(errors.filter((each) => each === 'insufficient_authorization')).toHaveLength(1)
      expect(errors.filter((each) => each === 'invalid_session')).toHaveLength(4)
    })

    test('an auth_session stays with the request it began with', async () => {
      const app = new NativeApp(world)
      await app.challenge({ method: 'sms', phone: '13900010020' })
      const kept = app.authSession
      const anew = { code_challenge: 'A'.repeat(43), code_challenge_method: 'S256' }
      const refused = await app.challenge({ ...anew, otp: await world.otp('+8613900010020') })
      expect(refused.body).toMatchObject({ error: 'invalid_request' })
      expect(refused.body['error_description']).toContain('code_challenge')
      app.authSession = kept
      const same = { ...pkce, response_type: 'code', scope: 'openid phone offline_access', ui_locales: 'en' }
      const done = await app.challenge({ ...same, otp: await world.otp('+8613900010020') })
      expect((await app.exchange(done)).access_token).toBeTruthy()
    })

    test('an auth_session ends after ten idle minutes and after sixty requests', async () => {
      try {
        const app = new NativeApp(world)
        await app.challenge({})
        walkTo(599_000)
        expect((await app.challenge({})).body['error']).toBe('insufficient_authorization')
        walkTo(1_200_000)
        expect((await app.challenge({})).body['error']).toBe('invalid_session')
        const busy = new NativeApp(world)
        for (let use = 0; use < 60; use++) await busy.challenge({})
        expect((await busy.challenge({})).body['error']).toBe('invalid_session')
      } finally {
        resetClock()
      }
    })

    test('a request with Origin, a body of another kind and other methods are refused', async () => {
      const app = new NativeApp(world)
      const origin = await app.challenge({ method: 'sms', phone: '13900010004' }, { origin: world.issuer })
      expect([origin.status, origin.body['error']]).toEqual([400, 'invalid_request'])
      const json = await fetch(`${world.issuer}/authorize-challenge`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      })
      expect(json.status).toBe(415)
      const get = await fetch(`${world.issuer}/authorize-challenge`)
      expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
      const preflight = await fetch(`${world.issuer}/authorize-challenge`, {
        method: 'OPTIONS',
        headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
      })
      expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
    })

    const pkce = { code_challenge: codeChallenge, code_challenge_method: 'S256' }
    test.each([
      ['a client nobody knows', { client_id: 'nobody', ...pkce }, 'invalid_client'],
      ['no client', { ...pkce }, 'invalid_client'],
      ['a client of somebody else', { client_id: 'third', ...pkce }, 'unauthorized_client'],
      ['a web client', { client_id: 'web', ...pkce }, 'unauthorized_client'],
      ['a client with two redirect URIs', { client_id: 'two', ...pkce }, 'unauthorized_client'],
      ['no code_challenge', { client_id: 'ios' }, 'invalid_request'],
      ['a plain challenge', { client_id: 'ios', ...pkce, code_challenge_method: 'plain' }, 'invalid_request'],
      ['a short challenge', { client_id: 'ios', ...pkce, code_challenge: 'short' }, 'invalid_request'],
      ['another response_type', { client_id: 'ios', ...pkce, response_type: 'token' }, 'unsupported_response_type'],
      ['a resource nobody knows', { client_id: 'ios', ...pkce, resource: 'https://x.example.com' }, 'invalid_target'],
      ['a scope it may not have', { client_id: 'ios', ...pkce, scope: 'openid email' }, 'invalid_scope'],
      ['a scope with a quote', { client_id: 'ios', ...pkce, scope: 'openid "' }, 'invalid_scope'],
      ['a max_age that is no number', { client_id: 'ios', ...pkce, max_age: '-1' }, 'invalid_request'],
      ['claims that are no JSON', { client_id: 'ios', ...pkce, claims: '{' }, 'invalid_request'],
      ['a request object', { client_id: 'ios', ...pkce, request: 'x' }, 'request_not_supported'],
      ['a request_uri', { client_id: 'ios', ...pkce, request_uri: 'urn:x' }, 'request_uri_not_supported'],
      ['an auth_session nobody has', { client_id: 'ios', ...pkce, auth_session: 'x' }, 'invalid_session'],
      ['no key where one is demanded', { client_id: 'bound', ...pkce }, 'invalid_dpop_proof'],
    ])('%s is refused', async (_, form, error) => {
      const { status, body } = await new NativeApp(world).send(
        'POST',
        '/authorize-challenge',
        form as unknown as Record<string, string>,
      )
      expect([status, body['error']]).toEqual([400, error])
      expect(body['auth_session']).toBeUndefined()
      expect(String(body['error_description'])).toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/)
    })

    test('nothing is sent before the agreement', async () => {
      const app = new NativeApp(world)
      const asked = await app.challenge({ method: 'sms', phone: '13900010005', agreements: 'terms@old' })
      expect(asked.body).toMatchObject({
        step: 'agreement',
        message_key: 'errors.agreement.required',
        agreements: [
          {
            id: 'terms',
            version: 'sample',
            required: true,
            title: expect.any(String),
            url: `${world.issuer}/sandbox/terms`,
          },
          { id: 'privacy', version: 'sample' },
        ],
      })
      await expect(world.otp('+8613900010005')).rejects.toThrow('nothing was sent')
      expect((await app.challenge({ method: 'sms', phone: '13900010005' })).body['step']).toBe('otp')
    })

    test('a password', async () => {
      const phone = '13900010006'
      const app = new NativeApp(world)
      const first = await app.claims(await app.exchange(await nativeSms(world, app, phone)))
      const { app: server } = world
      const hash = await import('../../src/accounts/hashing.ts').then(({ hasher }) => {
        const own = hasher({ parameters: server.core.config.password.argon2, workers: 1, maxQueue: 4 })
        return own.hash('correct horse battery').finally(() => own.close())
      })
      await server.core.database.knex('passwords').insert({ user_id: first.sub, hash, updated_at: new Date() })
      const other = new NativeApp(world)
      const wrong = await other.challenge({ method: 'password', identifier: phone, password: 'wrong' })
      expect(wrong.body).toMatchObject({ error: 'access_denied', message_key: 'errors.password.wrong' })
      const done = await other.challenge({ method: 'password', identifier: phone, password: 'correct horse battery' })
      const claims = await other.claims(await other.exchange(done))
      expect(claims).toMatchObject({ sub: first.sub, amr: ['pwd'], acr: 'urn:menshen:acr:knowledge' })
    })

    test('a wrong verifier, a second use and another client get nothing for a code', async () => {
      const app = new NativeApp(world)
      const done = await nativeSms(world, app, '13900010007')
      const code = String(done.body.authorization_code)
      const grant = { grant_type: 'authorization_code', code }
      const { body } = await app.tryToken({ ...grant, code_verifier: 'w'.repeat(43) })
      expect(body['error']).toBe('invalid_grant')
      expect(
        (await new NativeApp(world, 'mp').tryToken({ ...grant, code_verifier: 'v'.repeat(43) })).body['error'],
      ).toBe('invalid_grant')
      const tokens = await app.exchange(done)
      expect((await app.tryToken({ ...grant, code_verifier: 'v'.repeat(43) })).body['error']).toBe('invalid_grant')
      const refreshed = await app.tryToken({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
      expect(refreshed.body['error']).toBe('invalid_grant')
    })

    test('a session, a code and tokens with a key need that key', async () => {
      const app = await new NativeApp(world, 'bound').withKey()
      const asked = await app.challenge({ method: 'sms', phone: '13900010008' })
      expect(asked.body['step']).toBe('otp')
      const session = String(asked.body.auth_session)
      const otp = await world.otp('+8613900010008')
      const thief = await new NativeApp(world, 'bound').withKey()
      thief.authSession = session
      expect((await thief.challenge({ otp })).body['error']).toBe('invalid_session')
      const done = await app.challenge({ otp })
      expect(done.status).toBe(200)
      const form = {
        grant_type: 'authorization_code',
        code: String(done.body.authorization_code),
        code_verifier: 'v'.repeat(43),
      }
      const stolen = await thief.tryToken(form)
      expect(stolen.status).toBe(400)
      const tokens = await app.exchange(done)
      const bare = await new NativeApp(world, 'bound').tryToken({
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token,
      })
      expect(bare.status).toBe(400)
      expect((await app.refresh(tokens)).access_token).toBeTruthy()
    })

    test('a proof is good once, for this endpoint, and for five minutes', async () => {
      const app = await new NativeApp(world, 'bound').withKey()
      const form = { client_id: 'bound', agreements, ...pkce }
      const proof = await app.proof('POST', '/authorize-challenge')
      const twice = await Promise.all([1, 2].map(() => app.send('POST', '/authorize-challenge', form, proof)))
      expect(twice.map(({ body }) => body['error']).sort()).toEqual([
        'insufficient_authorization',
        'invalid_dpop_proof',
      ])
      const elsewhere = await app.send('POST', '/authorize-challenge', form, await app.proof('POST', '/token'))
      expect(elsewhere.body['error']).toBe('invalid_dpop_proof')
      const old = await app.proof('POST', '/authorize-challenge')
      try {
        walkTo(301_000)
        expect((await app.send('POST', '/authorize-challenge', form, old)).body['error']).toBe('invalid_dpop_proof')
      } finally {
        resetClock()
      }
    })

    test('an API that wants more gets it from the same person, with the session that was kept', async () => {
      const app = new NativeApp(world)
      const done = await nativeSms(world, app, '13900010009')
      const kept = app.authSession
      const { sub } = await app.claims(await app.exchange(done))
      const again = { ...pkce, acr_values: 'urn:menshen:acr:possession', max_age: '0', scope: 'openid phone' }
      await app.challenge({ ...again, method: 'sms', phone: '13900010010' })
      const other = await app.challenge({ otp: await world.otp('+8613900010010') })
      expect(other.body).toMatchObject({ error: 'access_denied', message_key: 'errors.login.other_user' })
      expect(other.body['authorization_code']).toBeUndefined()
      await app.challenge({ method: 'sms', phone: '13900010009' })
      const stepped = await app.challenge({ otp: await world.otp('+8613900010009') })
      expect((await app.claims(await app.exchange(stepped))).sub).toBe(sub)
      expect(kept).not.toBe(app.authSession)
      // The number that was proved for nobody made no account.
      expect(
        await world.app.core.directory.ownerOf({ provider: 'phone', subjects: ['+8613900010010'], profile: {} }),
      ).toBeUndefined()
    })

    test('a request for one person is answered for nobody else, and makes nobody an account', async () => {
      const form = { claims: JSON.stringify({ id_token: { sub: { value: 'usr_other' } } }) }
      const app = new NativeApp(world)
      const other = await nativeSms(world, app, '13900010021', form)
      expect(other.body).toMatchObject({ error: 'access_denied', message_key: 'errors.login.other_user' })
      expect(
        await world.app.core.directory.ownerOf({ provider: 'phone', subjects: ['+8613900010021'], profile: {} }),
      ).toBeUndefined()
      const first = new NativeApp(world)
      const { sub } = await first.claims(await first.exchange(await nativeSms(world, first, '13900010021')))
      const own = { claims: JSON.stringify({ id_token: { sub: { value: sub } } }) }
      expect((await nativeSms(world, new NativeApp(world), '13900010021', own)).status).toBe(200)
      const stepUp = await first.challenge({ ...pkce, ...form, method: 'sms', phone: '13900010021' })
      expect(stepUp.body['message_key']).toBe('errors.login.other_user')
    })

    test('whoever begins with a method that does not reach the wanted acr is asked for another', async () => {
      const app = new NativeApp(world)
      const wanted = { acr_values: 'urn:menshen:acr:knowledge' }
      const more = await app.challenge({ method: 'sms', phone: '13900010011', ...wanted })
      expect(more.body).toMatchObject({
        error: 'insufficient_authorization',
        step: 'login',
        acr_values: 'urn:menshen:acr:knowledge',
      })
      expect(more.body['methods']).toMatchObject([{ method: 'password' }])
    })

    test('what only pages can do goes on in the browser with a pushed request', async () => {
      const app = new NativeApp(world)
      const sent = await app.challenge({ method: 'reset', scope: 'openid phone offline_access', state: 'ignored' })
      expect(sent.body).toMatchObject({ error: 'redirect_to_web', expires_in: 60 })
      const visitor = world.visitor()
      const url = new URL(
        `${world.issuer}/auth?client_id=ios&request_uri=${encodeURIComponent(String(sent.body['request_uri']))}`,
      )
      const back = await loginBySms(world, visitor, url, '13900010012')
      expect(back.location).toMatch(/^com\.example\.shop:\/callback\?code=/)
      const tokens = await exchange(world, 'ios', 'com.example.shop:/callback', back.location)
      expect(tokens['refresh_token']).toBeTruthy()
      // Somebody who steps up in the browser has to be the one who was in the app.
      const known = new NativeApp(world)
      await known.exchange(await nativeSms(world, known, '13900010014'))
      const pushed = await known.challenge({ ...pkce, method: 'reset', scope: 'openid phone' })
      const uri = encodeURIComponent(String(pushed.body['request_uri']))
      const stepUp = new URL(`${world.issuer}/auth?client_id=ios&request_uri=${uri}`)
      const stranger = await loginBySms(world, world.visitor(), stepUp, '13900010015')
      expect(stranger.location ?? stranger.url.pathname).not.toContain('code=')
      const again = await loginBySms(world, world.visitor(), url, '13900010017')
      expect(again.location ?? again.text).toContain('invalid_request_uri')
    })

    test('the browser opens with what was asked for, and answers for nobody who is signed in there', async () => {
      const visitor = world.visitor()
      await loginBySms(world, visitor, startLogin(world, 'web', webRedirect), '13900010016')
      for (const [method, field] of [
        ['register', 'value="register"'],
        ['reset', 'value="reset"'],
      ] as const) {
        const app = new NativeApp(world)
        const { body } = await app.challenge({ method, scope: 'openid phone' })
        const uri = encodeURIComponent(String(body['request_uri']))
        const page = await reachLogin(visitor, new URL(`${world.issuer}/auth?client_id=ios&request_uri=${uri}`))
        expect(page.url.pathname).toMatch(/^\/interaction\//)
        expect(page.text).toContain(field)
        expect((await visitor.get(`${page.url.pathname}?method=sms`)).text).toContain('name="phone"')
      }
    })

    test('a way in that does not exist changes nothing in the browser', async () => {
      const url = startLogin(world, 'web', webRedirect, { method: 'telepathy' })
      expect((await reachLogin(world.visitor(), url)).text).toContain('name="phone"')
    })

    test('messages come in the language that is asked for', async () => {
      const app = new NativeApp(world)
      const zh = await app.challenge({ method: 'sms', phone: '1', ui_locales: 'zh-CN' })
      const en = await app.challenge({ method: 'sms', phone: '1', ui_locales: 'en' })
      expect(zh.body['message']).toBe('手机号格式不正确，请检查后重新输入。')
      expect(en.body['message']).toMatch(/^Enter a valid phone number/)
      expect(zh.body['error_description']).toBe(en.body['error_description'])
    })

    test('a login leaves a grant that says which device it was', async () => {
      const app = new NativeApp(world)
      const done = await nativeSms(world, app, '13900010013', { device_name: 'Lin 的 iPhone' })
      await app.exchange(done)
      const { rows } = await world.database.database.knex.raw(
        `select about from oidc_records where about is not null order by expires_at desc`,
      )
      const all = rows.map((row: { about: string }) => JSON.parse(row.about) as { device?: string })
      expect(all).toContainEqual({
        method: 'sms',
        device: 'Lin 的 iPhone',
        ip: expect.any(String),
        agreements: ['terms@sample', 'privacy@sample'],
        by: [expect.stringMatching(/^idn_/)],
        at: expect.any(Number),
        begunAt: expect.any(Number),
      })
    })
  },
)
