import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose'
import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  currentContext,
  exchangedIn,
  leaveSessionUntouched,
  libraryContext,
  rotatedIn,
} from '../../src/oidc/library/context.ts'
import { prolongCookie, resumedUid } from '../../src/oidc/library/cookies.ts'
import {
  clientFault,
  isBodyTooLarge,
  isFormOver,
  isInteractionOver,
  privateReason,
  secondUse,
  typedUserCode,
  userCodeFault,
} from '../../src/oidc/library/faults.ts'
import { partsOfForm, partsOfFormPost } from '../../src/oidc/library/forms.ts'
import {
  holdLogouts,
  newCode,
  newGrant,
  pushRequest,
  sessionOf,
  validateClient,
  wasPushed,
} from '../../src/oidc/library/models.ts'
import { basePolicy } from '../../src/oidc/library/prompts.ts'
import {
  authorization,
  type BareLibrary,
  bareLibrary,
  callback,
  deviceRedemption,
  issuer,
  redemption,
} from '../support/bare-library.ts'

/** What `src/oidc/library` takes for granted. A test that fails after an upgrade says what the library now does otherwise. */
let library: BareLibrary
beforeEach(async () => {
  library = await bareLibrary()
})
afterEach(() => library.close())

const happened = (pattern: RegExp) => library.log.map(({ what }) => what).filter((what) => pattern.test(what))
const find = (what: string) => {
  const found = library.log.findLast((each) => each.what === what)
  if (!found) throw new Error(`${what} has not happened`)
  return found
}
const refusal = (event: string) => find(`event ${event}`).values?.[1] as Error

async function tokens(): Promise<{ readonly code: string; readonly refresh: string; readonly access: string }> {
  const code = String((await library.authorize()).get('code'))
  const { refresh_token: refresh, access_token: access } = await library.token(redemption(code))
  return { code, refresh: String(refresh), access: String(access) }
}

const refreshWith = (refresh: string) => library.token({ grant_type: 'refresh_token', refresh_token: refresh })

/** Shows a code at a device, and answers the form to type it into. */
async function device() {
  const shown = await library.send('/device/auth', { client_id: 'tv', scope: 'openid offline_access' })
  const { device_code: deviceCode, user_code: userCode } = JSON.parse(shown.body) as Record<string, string>
  const { body } = await library.send('/device')
  return { deviceCode, userCode: String(userCode), form: partsOfForm(body) }
}

describe('its pages', () => {
  test('an answer by form_post is a page with the title, form and hidden inputs that are read', async () => {
    const state = `<a href='x'>&"state"&amp;`
    let answer = await library.send(
      `/auth?${new URLSearchParams(authorization({ response_mode: 'form_post', state }))}`,
    )
    while (answer.status === 303) answer = await library.send(answer.location.href)
    const posted = partsOfFormPost(answer.body)
    expect(posted?.action).toBe(callback)
    expect(posted?.fields.map(({ name }) => name).sort()).toEqual(['code', 'iss', 'state'])
    expect(posted?.fields.find(({ name }) => name === 'state')?.value).toBe(state)
  })

  test('whoever is signed in nowhere is logged out by a page of the same kind', async () => {
    const { body } = await library.send('/session/end')
    const posted = partsOfFormPost(body)
    expect(posted?.action).toBe(`${issuer}/session/end/confirm`)
    expect(posted?.fields.map(({ name }) => name)).toEqual(['xsrf', 'logout'])
  })

  test('a code in the address of the device page comes by a page of the same kind', async () => {
    const posted = partsOfFormPost((await library.send('/device?user_code=A')).body)
    expect(posted?.fields.map(({ name }) => name)).toEqual(['xsrf', 'user_code'])
  })

  test('a response mode of ours does not take the place of form_post, so that its page has to be read', async () => {
    library.provider.registerResponseMode('form_post', (ctx) => {
      ctx.body = 'ours'
    })
    let answer = await library.send(`/auth?${new URLSearchParams(authorization({ response_mode: 'form_post' }))}`)
    while (answer.status === 303) answer = await library.send(answer.location.href)
    expect(answer.body).not.toBe('ours')
  })

  test('the form of a logout tells its target and its token', async () => {
    await library.authorize()
    const { body } = await library.send('/session/end')
    expect(partsOfForm(body)).toEqual({
      action: `${issuer}/session/end/confirm`,
      xsrf: expect.stringMatching(/^[0-9a-f]{48}$/),
    })
  })

  test('the forms of a device tell their target and their token', async () => {
    const { userCode, form } = await device()
    expect(form).toEqual({ action: `${issuer}/device`, xsrf: expect.stringMatching(/^[0-9a-f]{48}$/) })
    const { body } = await library.send('/device', { xsrf: form.xsrf, user_code: userCode })
    expect(partsOfForm(body)).toEqual(form)
  })
})

describe('its errors', () => {
  test('a code that comes a second time ends its grant first, with this private reason', async () => {
    const { code } = await tokens()
    library.log.length = 0
    await library.token(redemption(code))
    expect(happened(/^event/)).toEqual(['event grant.revoked', 'event grant.error'])
    expect(privateReason(refusal('grant.error'))).toBe(secondUse.AuthorizationCode)
    expect(library.log.map(({ what }) => what)).toContain('destroy Grant')
  })

  test('a refresh token that comes a second time ends its grant first, with this private reason', async () => {
    const { refresh } = await tokens()
    await refreshWith(refresh)
    library.log.length = 0
    await refreshWith(refresh)
    expect(happened(/^event/)).toEqual(['event grant.revoked', 'event grant.error'])
    expect(privateReason(refusal('grant.error'))).toBe(secondUse.RefreshToken)
  })

  test('a device code that comes a second time is refused with this private reason', async () => {
    const { deviceCode, userCode, form } = await device()
    let answer = await library.send('/device', { xsrf: form.xsrf, user_code: userCode, confirm: 'yes' })
    while (answer.status === 303) answer = await library.send(answer.location.href)
    expect(await library.token(deviceRedemption(deviceCode))).toHaveProperty('access_token')
    await library.token(deviceRedemption(deviceCode))
    expect(privateReason(refusal('grant.error'))).toBe(secondUse.DeviceCode)
  })

  test('the private reason stays away from the answer', async () => {
    const answer = await library.token(redemption('unknown'))
    expect(answer).toEqual({ error: 'invalid_grant', error_description: 'grant request is invalid' })
  })

  test('a body over its limit is the cause of the refusal, by this message', async () => {
    await library.token({ grant_type: 'refresh_token', refresh_token: 'x'.repeat(200_000) })
    expect(isBodyTooLarge(refusal('grant.error'))).toBe(true)
    await library.token({ grant_type: 'refresh_token', refresh_token: 'x' })
    expect(isBodyTooLarge(refusal('grant.error'))).toBe(false)
  })

  test.each([
    ['a device form without its session', '/device', 'could not find device form details'],
    ['a logout form without its session', '/session/end/confirm', 'could not find logout details'],
  ])('%s is told by this text', async (_, path, text) => {
    const { body } = await library.send(path, { xsrf: 'x' })
    const description = path === '/device' ? refusal('code_verification.error') : JSON.parse(body)
    expect(description.error_description).toBe(text)
    expect(isFormOver(text)).toBe(true)
  })

  test('a form with the token of another is told by this text', async () => {
    await library.send('/session/end')
    const { body } = await library.send('/session/end/confirm', { xsrf: 'x' })
    const { error_description: text } = JSON.parse(body) as { error_description: string }
    expect(isFormOver(text)).toBe(true)
  })

  test('a device form without its session would leave one, and fail, unless that is left untouched', async () => {
    expect(await library.send('/device', { xsrf: 'x' })).toMatchObject({ status: 500 })
    library.provider.on('code_verification.error', leaveSessionUntouched)
    library.newBrowser()
    library.log.length = 0
    expect(await library.send('/device', { xsrf: 'x' })).toMatchObject({ status: 400 })
    expect(happened(/^upsert Session/)).toEqual([])
  })

  test('what is wrong with a typed code is told by the name of its error, with the form again', async () => {
    const { userCode, form } = await device()
    const fault = async (typed: Record<string, string>) => {
      const { body } = await library.send('/device')
      const answer = await library.send('/device', { xsrf: partsOfForm(body).xsrf, ...typed })
      expect(partsOfForm(answer.body).action).toBe(form.action)
      const error = find('user code refused').values?.[0] as Error
      expect(typedUserCode(error) ?? '').toBe(typed['abort'] ? '' : typed['user_code'])
      return userCodeFault(error)
    }
    expect(await fault({ user_code: '' })).toBe('required')
    expect(await fault({ user_code: 'BBBB-BBBB' })).toBe('unknown')
    expect(await fault({ user_code: userCode, abort: 'yes' })).toBe('aborted')
    expect(await fault({ user_code: userCode })).toBe('used')
    const other = await device()
    await library.change('DeviceCode', String(other.deviceCode), { exp: Math.floor(Date.now() / 1000) - 1 })
    expect(await fault({ user_code: other.userCode })).toBe('expired')
  })

  test('an interaction that is over is a SessionNotFound', async () => {
    const thrown = await library.send('/interaction/none')
    expect(thrown.body).toContain('SessionNotFound')
    expect(isInteractionOver(new errors.SessionNotFound('over'))).toBe(true)
  })

  describe('about metadata of clients', () => {
    const web = { client_id: 'app', client_secret: 's'.repeat(40), redirect_uris: [callback] }
    const faultOf = async (more: object) => {
      const thrown = await validateClient(library.provider, { ...web, ...more }).catch((error: unknown) => error)
      return clientFault(thrown)
    }

    test('what is right passes', async () => expect(await faultOf({})).toBeUndefined())

    test.each([
      ['redirect_uris', { redirect_uris: ['http://'] }],
      ['grant_types', { grant_types: ['none of these'] }],
      ['token_endpoint_auth_method', { token_endpoint_auth_method: 'none of these' }],
      ['client_uri', { client_uri: 'no address' }],
      ['default_max_age', { default_max_age: -1 }],
      ['backchannel_logout_uri', { backchannel_logout_uri: 'no address' }],
    ])('the text begins with the member: %s', async (field, more) => {
      const fault = await faultOf(more)
      expect(fault).toMatchObject({ field })
      expect(fault?.text).toBe(`${field} ${fault?.message}`)
    })

    test('a text about two members names the first, and is kept whole', async () => {
      const jwks = { keys: [] }
      const fault = await faultOf({ jwks, jwks_uri: 'https://app.example.com/jwks' })
      expect(fault).toMatchObject({ field: 'jwks', message: fault?.text })
      expect(fault?.text).toMatch(/^jwks and jwks_uri /)
    })

    test('of a set of keys the cause names the key and its member, not its value', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const key = privateKey.export({ format: 'jwk' })
      const fault = await faultOf({ jwks: { keys: [key] }, token_endpoint_auth_method: 'private_key_jwt' })
      expect(fault).toMatchObject({ field: 'jwks', text: 'client JSON Web Key Set is invalid' })
      expect(fault?.message).toMatch(/^keys\[0\]\.d must not be provided/)
      expect(fault?.message).not.toContain(String(key.d))
    })
  })
})

describe('what it stores', () => {
  test('a session: who, since when, and of each client its grant, sid and whether it outlives a logout', async () => {
    const { refresh } = await tokens()
    const token = await library.stored('RefreshToken', refresh)
    const session = find('upsert Session').payload
    expect(session).toMatchObject({
      uid: token['sessionUid'],
      accountId: 'someone',
      amr: ['pwd'],
      loginTs: expect.any(Number),
      iat: expect.any(Number),
      exp: expect.any(Number),
      authorizations: { web: { sid: expect.any(String), grantId: token['grantId'], persistsLogout: true } },
    })
  })

  test('a session in which a client has nothing for offline use says nothing of persistsLogout', async () => {
    await library.authorize({ scope: 'openid' })
    const { authorizations } = find('upsert Session').payload as { authorizations: Record<string, object> }
    expect(authorizations['web']).not.toHaveProperty('persistsLogout')
  })

  test('a session of nobody: neither accountId nor loginTs, and `state` while a form is open', async () => {
    await library.send('/session/end')
    const session = find('upsert Session').payload
    expect(session).toMatchObject({ state: { secret: expect.any(String) } })
    expect(session?.['accountId']).toBeUndefined()
    expect(session?.['loginTs']).toBeUndefined()
  })

  test('an end that it compares with its tolerance for clocks of clients, but for what it tells to have expired', async () => {
    const { access, refresh } = await tokens()
    const exp = Math.floor(Date.now() / 1000) - 2
    for (const [model, id] of [
      ['AccessToken', access],
      ['RefreshToken', refresh],
    ] as const) {
      await library.change(model, id, { exp })
    }
    expect((await library.send('/me', undefined, { authorization: `Bearer ${access}` })).status).toBe(200)
    expect(await refreshWith(refresh)).toMatchObject({ error: 'invalid_grant' })
    expect(refusal('grant.error')).toMatchObject({ error_detail: 'refresh token is expired' })
    await library.change('AccessToken', access, { exp: exp - 60 })
    expect((await library.send('/me', undefined, { authorization: `Bearer ${access}` })).status).toBe(401)
  })

  test('a code and a refresh token with the session they began in, which they outlive', async () => {
    const { code, refresh } = await tokens()
    const common = {
      clientId: 'web',
      accountId: 'someone',
      grantId: expect.any(String),
      sessionUid: expect.any(String),
      authTime: expect.any(Number),
      amr: ['pwd'],
    }
    const [kept, token] = [
      await library.stored('AuthorizationCode', code),
      await library.stored('RefreshToken', refresh),
    ]
    expect(kept).toMatchObject({ ...common, redirectUri: callback })
    expect(token).toMatchObject({ ...common, iiat: token['iat'] })
    expect(kept).not.toHaveProperty('expiresWithSession')
    expect(token).not.toHaveProperty('expiresWithSession')
  })

  test('without offline use the access token is bound to its session, by `expiresWithSession: true`', async () => {
    const code = (await library.authorize({ scope: 'openid' })).get('code')
    const { access_token: access } = await library.token(redemption(code))
    expect(await library.stored('AccessToken', String(access))).toMatchObject({
      kind: 'AccessToken',
      expiresWithSession: true,
      sessionUid: expect.any(String),
      grantId: expect.any(String),
      clientId: 'web',
    })
  })

  test('a rotated refresh token keeps `iiat` and everything a family is told by', async () => {
    const { refresh } = await tokens()
    const before = await library.stored('RefreshToken', refresh)
    const { refresh_token: next } = await refreshWith(refresh)
    const after = await library.stored('RefreshToken', String(next))
    const { iiat, authTime, sessionUid, grantId, clientId, accountId, amr } = before
    expect(after).toMatchObject({ iiat, authTime, sessionUid, grantId, clientId, accountId, amr, rotations: 1 })
  })

  test('a grant: for whom and for which client', async () => {
    const { refresh } = await tokens()
    const { grantId } = await library.stored('RefreshToken', refresh)
    expect(await library.stored('Grant', String(grantId))).toMatchObject({
      kind: 'Grant',
      accountId: 'someone',
      clientId: 'web',
      iat: expect.any(Number),
      openid: { scope: 'openid offline_access' },
    })
  })

  test('a device code: with the browser that allowed it once that has, and its own code beside', async () => {
    const { deviceCode, userCode, form } = await device()
    expect(find('upsert DeviceCode').payload).toMatchObject({ userCode: expect.any(String), jti: deviceCode })
    let answer = await library.send('/device', { xsrf: form.xsrf, user_code: userCode, confirm: 'yes' })
    while (answer.status === 303) answer = await library.send(answer.location.href)
    const kept = find('upsert DeviceCode').payload
    expect(kept).toMatchObject({ sessionUid: expect.any(String), grantId: expect.any(String), clientId: 'tv' })
  })

  test('an interaction: the request, what is asked, the session and, once answered, what a page has left', async () => {
    await library.authorize()
    const kept = library.log.filter(({ what }) => what === 'upsert Interaction').map(({ payload }) => payload)
    expect(kept[0]).toMatchObject({
      params: { client_id: 'web', redirect_uri: callback },
      prompt: { name: 'login', reasons: expect.any(Array), details: expect.any(Object) },
      returnTo: expect.stringMatching(/^https:\/\/op\.example\.com\/auth\//),
    })
    expect(kept[1]).toMatchObject({ result: { login: { accountId: 'someone', about: { device: 'a browser' } } } })
    expect(kept[2]).toMatchObject({ session: { accountId: 'someone', uid: expect.any(String) } })
  })

  test('a pushed request of ours is one the authorization endpoint takes', async () => {
    const now = Math.floor(Date.now() / 1000)
    const request = new UnsecuredJWT(authorization())
      .setIssuedAt(now)
      .setIssuer('web')
      .setAudience(issuer)
      .setExpirationTime(now + 60)
      .setNotBefore(now)
      .encode()
    const id = await pushRequest(library.provider, { request, seconds: 60 })
    const answer = await library.authorize({ request_uri: `urn:ietf:params:oauth:request_uri:${id}` })
    expect(answer.get('code')).toBeTruthy()
    expect(library.log.map(({ what }) => what)).toContain('consume PushedAuthorizationRequest')
    expect(find('upsert Interaction').payload).toMatchObject({ parJti: id })
    const [ctx] = find('event interaction.started').values as [KoaContextWithOIDC]
    const { Interaction: kept } = ctx.oidc.entities
    expect(kept && wasPushed(kept)).toBe(true)
  })

  test('a code of ours is redeemed, and what comes of it hangs on no session', async () => {
    const { provider } = library
    const client = await provider.Client.find('web')
    if (!client) throw new Error('the client is gone')
    const grant = newGrant(provider, { accountId: 'someone', clientId: 'web' })
    grant.addOIDCScope('openid offline_access')
    const request = authorization()
    const code = newCode(provider, {
      client,
      accountId: 'someone',
      grantId: await grant.save(),
      acr: 'urn:a',
      amr: ['sms'],
      authTime: 1_700_000_000,
      scope: 'openid offline_access',
      codeChallenge: request['code_challenge'],
      redirectUri: callback,
      claims: undefined,
      resource: undefined,
      nonce: undefined,
      dpopJkt: undefined,
    })
    const { refresh_token: refresh } = await library.token(redemption(await code.save()))
    const token = await library.stored('RefreshToken', String(refresh))
    expect(token).toMatchObject({ acr: 'urn:a', amr: ['sms'], authTime: 1_700_000_000 })
    expect(token).not.toHaveProperty('sessionUid')
  })

  test('only its own members of a payload come back, so that a member of ours beside them does no harm', async () => {
    const { refresh } = await tokens()
    const token = await library.provider.RefreshToken.find(refresh)
    expect(token).toMatchObject({ clientId: 'web' })
    await library.change('RefreshToken', refresh, { familySince: 1 })
    expect(await library.provider.RefreshToken.find(refresh)).not.toHaveProperty('familySince')
  })
})

describe('a request under way', () => {
  test('is Provider.ctx whenever an adapter is asked, with its route', async () => {
    const { refresh } = await tokens()
    library.log.length = 0
    await refreshWith(refresh)
    const asked = library.log.filter(({ what }) => /^(find|upsert|consume) /.test(what))
    expect(asked.length).toBeGreaterThan(4)
    expect(new Set(asked.map(({ ctx }) => ctx?.oidc.route))).toEqual(new Set(['token']))
    expect(currentContext()).toBeUndefined()
  })

  test('is in front of the library no request of the library, and behind it is', async () => {
    const seen: boolean[] = []
    library.provider.use(async (ctx, next) => {
      seen.push(libraryContext(ctx) !== undefined)
      await next()
      seen.push(libraryContext(ctx) !== undefined)
    })
    await library.send('/auth')
    expect(seen).toEqual([false, true])
  })

  test('names what it exchanges: the code, then the refresh token, then the old one and the new one', async () => {
    const { code, refresh } = await tokens()
    expect(exchangedIn(find('event grant.success').ctx)).toMatchObject({ kind: 'AuthorizationCode', jti: code })
    const { refresh_token: next } = await refreshWith(refresh)
    const { ctx } = find('event grant.success')
    expect(rotatedIn(ctx)?.jti).toBe(refresh)
    expect(exchangedIn(ctx)).toMatchObject({ kind: 'RefreshToken', jti: next })
    expect(Object.keys(ctx?.oidc.entities ?? {})).toEqual(
      expect.arrayContaining(['Client', 'Account', 'Grant', 'AccessToken']),
    )
  })

  test('consumes the old refresh token before it saves the new one, and names the old one by then', async () => {
    const { refresh } = await tokens()
    library.log.length = 0
    await refreshWith(refresh)
    expect(happened(/^(consume|upsert) /)).toEqual([
      'consume RefreshToken',
      'upsert RefreshToken',
      'upsert AccessToken',
    ])
    expect(rotatedIn(find('upsert RefreshToken').ctx)?.jti).toBe(refresh)
  })

  test('saves its session while it has the result of the login, with members of ours', async () => {
    await library.authorize()
    const results = library.log
      .filter(({ what }) => what === 'upsert Session')
      .map(({ ctx }) => ctx?.oidc.result?.login)
    expect(results).toContainEqual(expect.objectContaining({ about: { device: 'a browser' } }))
  })

  test('says that an interaction has started when its entity is there', async () => {
    await library.send(`/auth?${new URLSearchParams(authorization())}`)
    const [ctx] = find('event interaction.started').values as [KoaContextWithOIDC]
    expect(ctx.oidc.entities.Interaction?.params['client_id']).toBe('web')
    expect(happened(/^(upsert Interaction|event interaction)/)).toEqual([
      'upsert Interaction',
      'event interaction.started',
    ])
  })

  test('looks whether a proof is known before it keeps it', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = await exportJWK(publicKey)
    const prove = (nonce?: string) =>
      new SignJWT({ htm: 'POST', htu: `${issuer}/token`, jti: randomUUID(), ...(nonce ? { nonce } : {}) })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(privateKey)
    const { refresh } = await tokens()
    library.log.length = 0
    await library.token({ grant_type: 'refresh_token', refresh_token: refresh }, { dpop: await prove() })
    expect(happened(/ReplayDetection/)).toEqual(['find ReplayDetection', 'upsert ReplayDetection'])
  })
})

describe('signing out', () => {
  test('tells clients through the method of their model, before it says that the session has ended', async () => {
    const held: object[] = []
    const send = holdLogouts(library.provider, (notice) => held.push(notice))
    await library.authorize()
    const { authorizations } = find('upsert Session').payload as { authorizations: { web: { sid: string } } }
    const { sid } = authorizations.web
    const { xsrf } = partsOfForm((await library.send('/session/end')).body)
    await library.send('/session/end/confirm', { xsrf, logout: 'yes' })
    expect(held).toEqual([{ clientId: 'web', userId: 'someone', sid }])
    expect(happened(/^event (backchannel|end_session)/)).toEqual([
      'event backchannel.success',
      'event end_session.success',
    ])
    const client = await library.provider.Client.find('web')
    if (!client) throw new Error('the client is gone')
    await expect(send(client, 'someone', sid)).resolves.toBeUndefined()
    expect(held).toHaveLength(1)
  })

  test('keeps the grant that outlives a logout, and ends one that does not', async () => {
    for (const [scope, revoked] of [
      ['openid offline_access', []],
      ['openid', ['event grant.revoked']],
    ] as const) {
      library.newBrowser()
      await library.authorize({ scope })
      const { xsrf } = partsOfForm((await library.send('/session/end')).body)
      library.log.length = 0
      await library.send('/session/end/confirm', { xsrf, logout: 'yes' })
      expect(happened(/^event grant/)).toEqual(revoked)
    }
  })

  test('of one app has taken that out of the session by the time it says so, and keeps the session', async () => {
    await library.authorize()
    const { xsrf } = partsOfForm((await library.send('/session/end?client_id=web')).body)
    await library.send('/session/end/confirm', { xsrf })
    const [ctx] = find('event end_session.success').values as [KoaContextWithOIDC]
    expect(ctx.oidc.session?.authorizations).toEqual({})
    expect(ctx.oidc.session?.accountId).toBe('someone')
    expect(ctx.oidc.client?.clientId).toBe('web')
  })

  test('by an access token ends the other tokens of its grant without a word, by a refresh token with one', async () => {
    const first = await tokens()
    library.log.length = 0
    const credentials = { client_id: 'web', client_secret: 'a secret that both sides know, 32 bytes' }
    await library.send('/token/revocation', { ...credentials, token: first.access })
    expect(happened(/^(event|revokeByGrantId RefreshToken)/)).toEqual([
      'event access_token.destroyed',
      'revokeByGrantId RefreshToken',
    ])
    expect(find('event access_token.destroyed').ctx?.oidc.route).toBe('revocation')
    library.newBrowser()
    const second = await tokens()
    library.log.length = 0
    await library.send('/token/revocation', { ...credentials, token: second.refresh })
    expect(happened(/^event/)).toEqual(['event grant.revoked'])
  })
})

describe('its cookies', () => {
  test('of an interaction: one at the page, one where it goes on, both named by their configuration', async () => {
    const { location, setCookies } = await library.send(`/auth?${new URLSearchParams(authorization())}`)
    const uid = location.pathname.split('/').at(-1)
    const of = (type: string) =>
      setCookies.find((line) => line.startsWith(`${library.provider.cookieName(type)}=${uid};`))
    expect(of('interaction')).toContain(`path=/interaction/${uid};`)
    expect(of('resume')).toContain(`path=/auth/${uid};`)
    let resumed: string | undefined
    library.provider.use((ctx, next) => {
      resumed = resumedUid(ctx, library.provider)
      return next()
    })
    await library.send(`/auth/${uid}`)
    expect(resumed).toBe(uid)
  })

  test('of a session end with the session as stored, so that they can be prolonged with their signature', async () => {
    const end = new Date('2040-01-02T03:04:05Z')
    const before: string[][] = []
    const name = library.provider.cookieName('session')
    library.provider.use(async (ctx, next) => {
      await next()
      const lines = [ctx.response.get('set-cookie') as string | string[]].flat().filter(Boolean)
      before.push(lines.filter((line) => line.startsWith(name)))
      if (lines.length > 0) prolongCookie(ctx as never, name, () => end)
    })
    await library.authorize()
    const { setCookies } = await library.send('/session/end')
    expect(before.at(-1)).toHaveLength(2)
    for (const line of before.at(-1) ?? []) expect(line).toMatch(/; expires=[A-Z][a-z]{2}, [^;]+$/)
    const ours = setCookies.filter((line) => line.startsWith(name))
    expect(ours).toHaveLength(2)
    for (const line of ours) expect(line).toContain('expires=Mon, 02 Jan 2040 03:04:05 GMT')
  })

  test('that take a session away say 1970, and are left alone', async () => {
    await library.authorize()
    const { xsrf } = partsOfForm((await library.send('/session/end')).body)
    const { setCookies } = await library.send('/session/end/confirm', { xsrf, logout: 'yes' })
    const name = library.provider.cookieName('session')
    expect(setCookies.find((line) => line.startsWith(`${name}=;`))).toContain('01 Jan 1970')
  })

  test('name a session at a path that is not the library’s', async () => {
    let accountId: string | undefined
    library.provider.use(async (ctx, next) => {
      if (ctx.path !== '/elsewhere') return next()
      accountId = (await sessionOf(library.provider, ctx)).accountId
      ctx.body = ''
    })
    await library.authorize()
    await library.send('/elsewhere')
    expect(accountId).toBe('someone')
  })
})

describe('its prompts', () => {
  test('consent has the check that our own apps do without, and no other is gone', () => {
    const names = (policy: interactionPolicy.DefaultPolicy) =>
      policy.get('consent')?.checks.map(({ reason }) => reason) ?? []
    const own = names(interactionPolicy.base())
    expect(own).toContain('native_client_prompt')
    expect(names(basePolicy())).toEqual(own.filter((reason) => reason !== 'native_client_prompt'))
  })

  test('login comes first, and its own checks are these', () => {
    const policy = basePolicy()
    expect(policy.map(({ name }) => name)).toEqual(['login', 'consent'])
    expect(policy.get('login')?.checks.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['no_session', 'max_age', 'id_token_hint', 'claims_id_token_sub_value']),
    )
  })

  test('a prompt tells a page its reasons and the details of its checks', async () => {
    await library.authorize()
    const prompts = library.log
      .filter(({ what }) => what === 'event interaction.started')
      .map(({ values }) => values?.[1])
    expect(prompts).toEqual([
      expect.objectContaining({ name: 'login', reasons: expect.arrayContaining(['no_session']) }),
      expect.objectContaining({ name: 'consent', reasons: ['consent_prompt'] }),
    ])
  })

  test('a scope for offline use is dropped from a request without prompt=consent', async () => {
    const code = String((await library.authorize({ prompt: 'login' })).get('code'))
    expect(await library.stored('AuthorizationCode', code)).toMatchObject({ scope: 'openid' })
  })
})
