import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { createLocalJWKSet, decodeJwt, type JWK, jwtVerify } from 'jose'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { currentContext, rotatedIn } from '../../src/oidc/library/context.ts'
import { isAboutJwt, isJwtFault, unexplained, userinfoFault } from '../../src/oidc/library/faults.ts'
import { isOwnIdToken, nameRefreshTokens, newAccessToken, widenIdTokens } from '../../src/oidc/library/models.ts'
import { ownSigning, signingKeys } from '../../src/oidc/library/signing-key.ts'
import { keepStacks, leaveOutStacks } from '../../src/oidc/library/stacks.ts'
import { type BareLibrary, bareLibrary, redemption } from '../support/bare-library.ts'

/** What `src/oidc/library` takes for granted about tokens. A failure after an upgrade says what is otherwise now. */
let library: BareLibrary
beforeEach(async () => {
  library = await bareLibrary()
})
afterEach(() => library.close())

const credentials = { client_id: 'web', client_secret: 'a secret that both sides know, 32 bytes' }
const json = { accept: 'application/json' }

async function accessToken(): Promise<string> {
  const code = (await library.authorize()).get('code')
  return String((await library.token(redemption(code)))['access_token'])
}

describe('a JWT at introspection and revocation', () => {
  test.each(['introspection', 'revocation'])(
    'is refused at %s by this error once the client is known',
    async (route) => {
      const seen: unknown[] = []
      library.provider.on(`${route}.error` as 'introspection.error', (ctx: KoaContextWithOIDC, error: Error) => {
        seen.push(isJwtFault(error), isAboutJwt(ctx), ctx.oidc.client?.clientId, ctx.oidc.params?.['token'])
      })
      const token = 'eyJhbGciOiJFUzI1NiJ9.e30.AA'
      await library.send(`/token/${route}`, { ...credentials, token }, json)
      expect(seen).toEqual([true, true, 'web', token])
      seen.length = 0
      await library.send(`/token/${route}`, { ...credentials, client_secret: 'wrong', token }, json)
      expect(seen.slice(0, 2)).toEqual([false, false])
    },
  )

  test('a revocation is answered with an empty text, which koa gives a type', async () => {
    let body: unknown
    library.provider.use(async (ctx, next) => {
      await next()
      body = ctx.body
    })
    expect(await library.send('/token/revocation', { ...credentials, token: 'x' }, json)).toMatchObject({ status: 200 })
    expect(body).toBe('')
  })

  test('an access token of ours is one for listeners', async () => {
    const client = await library.provider.Client.find('web')
    if (!client) throw new Error('the client is gone')
    const token = newAccessToken(library.provider, { client, grantId: 'g', accountId: 'someone' })
    expect(token).toMatchObject({ kind: 'AccessToken', grantId: 'g', accountId: 'someone', clientId: 'web' })
  })
})

describe('the value of a refresh token', () => {
  test('is what we name it, with its grant and what went before at hand; a random one where we name none', async () => {
    const seen: unknown[] = []
    nameRefreshTokens(library.provider, (token) => {
      seen.push([token.grantId, rotatedIn(currentContext())?.jti, token.jti])
      return seen.length === 3 ? undefined : `named-${seen.length}`
    })
    const first = await library.token(redemption((await library.authorize()).get('code')))
    const refresh = (value: unknown) =>
      library.token({ ...credentials, grant_type: 'refresh_token', refresh_token: String(value) })
    const second = await refresh(first['refresh_token'])
    const third = await refresh(second['refresh_token'])
    expect([first, second].map((answer) => answer['refresh_token'])).toEqual(['named-1', 'named-2'])
    expect(third['refresh_token']).toMatch(/^[\w-]{43}$/)
    const { grantId } = await library.stored('RefreshToken', 'named-1')
    expect(seen).toEqual([
      [grantId, undefined, undefined],
      [grantId, 'named-1', undefined],
      [grantId, 'named-2', undefined],
    ])
  })
})

describe('an ID token beside an access token for userinfo', () => {
  test.each([true, false])(
    'carries the claims of scopes where its scope was widened before it is made: %s',
    async (isWide) => {
      widenIdTokens(library.provider, ({ clientId }) => isWide && clientId === 'web')
      const code = (await library.authorize({ scope: 'openid email' })).get('code')
      const { id_token: idToken } = await library.token(redemption(code))
      expect(Object.hasOwn(decodeJwt(String(idToken)), 'email')).toBe(isWide)
    },
  )
})

describe('a signing key of ours', () => {
  const keyOf = (kid: string): JWK => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return { ...(privateKey.export({ format: 'jwk' }) as JWK), kid, alg: 'ES256', use: 'sig' }
  }
  const jwks = { keys: signingKeys([keyOf('first'), keyOf('second')]) } as never

  beforeEach(async () => {
    await library.close()
    library = await bareLibrary(undefined, { jwks, externalSigningSupport: ownSigning })
  })

  test('is published without its private half, and verifies what it has signed', async () => {
    const { id_token: idToken } = await library.token(redemption((await library.authorize()).get('code')))
    const published = JSON.parse((await library.send('/jwks')).body) as { readonly keys: readonly JWK[] }
    expect(published.keys.map(({ kid }) => kid)).toEqual(['first', 'second'])
    for (const key of published.keys)
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    const { protectedHeader } = await jwtVerify(String(idToken), createLocalJWKSet(published as never))
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'first' })
    expect(await isOwnIdToken(library.provider, String(idToken), 'web')).toBe(true)
  })

  test('signs as RFC 7518 has it, with numbers of any length, before it returns', () => {
    const jwk = keyOf('any')
    const [key] = signingKeys([jwk]) as { sign(data: Uint8Array): Buffer; keyObject(): KeyObject }[]
    if (!key) throw new Error('there is no key')
    const asInJose = { key: key.keyObject(), dsaEncoding: 'ieee-p1363' } as const
    // One number in 256 begins with a zero.
    for (let count = 0; count < 2000; count++) {
      const data = Buffer.from(String(count))
      const signature = key.sign(data)
      expect([signature.length, verify('sha256', data, asInJose, signature)]).toEqual([64, true])
    }
  })

  test('is refused unless the library is told that keys may be of another kind', async () => {
    await expect(bareLibrary(undefined, { jwks })).rejects.toThrow('externalSigningSupport must be enabled')
  })

  test('by RSA is left to the library', () => {
    const rsa: JWK = { kty: 'RSA', alg: 'RS256' }
    expect(signingKeys([rsa])).toEqual([rsa])
  })
})

describe('the scope of a token answer', () => {
  test('is that of the access token, and the grant knows what of it belongs to the protocol', async () => {
    const code = (await library.authorize()).get('code')
    const answer = await library.token(redemption(code))
    expect(answer['scope']).toBe('openid offline_access')
    const ctx = library.log.findLast(({ what }) => what === 'event grant.success')?.ctx
    const { Grant: grant, AuthorizationCode: exchanged, AccessToken: token } = ctx?.oidc.entities ?? {}
    expect(grant?.getOIDCScopeFiltered(new Set(['openid', 'phone']))).toBe('openid')
    expect([...(exchanged?.scopes ?? [])]).toEqual(['openid', 'offline_access'])
    expect(token?.scope).toBe('openid offline_access')
  })
})

describe('a request to userinfo that goes well', () => {
  test('has three errors made for it, which nobody sees, before its grant is asked for', async () => {
    const authorization = `Bearer ${await accessToken()}`
    const { captureStackTrace } = Error
    library.log.length = 0
    Error.captureStackTrace = (error) => library.log.push({ what: `error ${error.constructor.name}`, ctx: undefined })
    onTestFinished(() => {
      Error.captureStackTrace = captureStackTrace
    })
    expect(await library.send('/me', undefined, { ...json, authorization })).toMatchObject({ status: 200 })
    const happened = library.log.map(({ what }) => what).filter((what) => /^error|find (AccessToken|Grant)/.test(what))
    const made = 'error InvalidToken'
    expect(happened).toEqual(['find AccessToken', made, made, made, 'find Grant'])
  })
})

describe.each(['introspection', 'revocation'])('an opaque token at %s', (route) => {
  test('is read as a JWT, in vain, before it is asked for', async () => {
    const token = await accessToken()
    const { split } = String.prototype
    library.log.length = 0
    String.prototype.split = function (this: string, ...given: [never]) {
      if (String(this) === token) library.log.push({ what: 'read', ctx: undefined })
      return split.apply(this, given)
    }
    onTestFinished(() => {
      String.prototype.split = split
    })
    expect(await library.send(`/token/${route}`, { ...credentials, token }, json)).toMatchObject({ status: 200 })
    expect(library.log.map(({ what }) => what).slice(0, 2)).toEqual(['read', 'find AccessToken'])
  })
})

describe('stacks of errors', () => {
  const stack = () => new Error('x').stack

  test('are left out until they are wanted again, or the turn of the event loop ends', async () => {
    const usual = Error.stackTraceLimit
    leaveOutStacks()
    leaveOutStacks()
    expect(stack()).toBe('Error: x')
    keepStacks()
    expect(stack()).toContain('library-tokens.test.ts')
    leaveOutStacks()
    await Promise.resolve()
    expect(stack()).toBe('Error: x')
    await new Promise((resolve) => setImmediate(resolve))
    expect(stack()).toContain('library-tokens.test.ts')
    expect(Error.stackTraceLimit).toBe(usual)
  })
})

describe('a refusal at userinfo', () => {
  const refusal = async (authorization: string) => {
    const seen: { reason: string | undefined; body: unknown; challenge: string }[] = []
    library.provider.on('userinfo.error', (ctx: KoaContextWithOIDC, error: Error) => {
      seen.push({ reason: userinfoFault(error), body: ctx.body, challenge: ctx.response.get('www-authenticate') })
    })
    await library.send('/me', undefined, { ...json, authorization })
    return seen[0]
  }

  test('has its answer by the time it is told, with this text in body and challenge', async () => {
    const told = await refusal('Bearer unknown')
    expect(told?.reason).toMatch(/unknown/)
    expect(told?.body).toEqual({ error: 'invalid_token', error_description: unexplained })
    expect(told?.challenge).toContain(`error_description="${unexplained}"`)
  })

  test.each([
    ['for an API', { aud: 'https://api.example.com' }, /for an API/],
    ['bound to a key', { jkt: 'another key' }, /bound to a DPoP key/],
    ['whose grant is gone', { grantId: 'gone' }, /has ended/],
    ['whose client is gone', { clientId: 'gone' }, /has ended/],
    ['of somebody else than its grant', { accountId: 'another' }, /has ended/],
  ])('of a token %s is known by its private reason', async (_, change, reason) => {
    const value = await accessToken()
    await library.change('AccessToken', value, change)
    expect((await refusal(`Bearer ${value}`))?.reason).toMatch(reason)
  })
})
