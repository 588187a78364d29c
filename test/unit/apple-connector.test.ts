import { createHash, generateKeyPairSync, verify } from 'node:crypto'
import { inspect } from 'node:util'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { apple } from '../../interactions/upstreams/apple.ts'
import type { HttpRequest } from '../../src/base/http.ts'
import { unshared } from '../support/unshared.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const settings = {
  type: 'apple',
  client_id: 'com.example.web',
  team_id: 'DEF123GHIJ',
  key_id: 'ABC123DEFG',
  private_key: pem,
}
const now = Date.parse('2026-01-01T00:00:00Z')
const authorization = {
  redirectUri: 'https://id.example.com/callback/apple',
  state: 'state',
  nonce: 'nonce',
  codeVerifier: 'verifier',
  variant: 'web',
}

describe('the client secret for Apple', () => {
  it('is a JWT of five minutes, signed as r and s by the key of the team', async () => {
    const requests: { url: string; request: HttpRequest | undefined }[] = []
    const http = {
      request: async (url: URL | string, request?: HttpRequest) => {
        requests.push({ url: String(url), request })
        return { status: 400, headers: new Headers(), text: '{"error":"invalid_grant"}' }
      },
    }
    const connector = apple.build(apple.options.parse(settings), {
      http,
      clock: () => now,
      shared: unshared,
      allowInsecure: false,
    })
    await expect(connector.identify({ code: 'code' }, authorization)).rejects.toMatchObject({
      code: 'upstream.code_invalid',
    })

    const [sent] = requests
    expect([requests.length, sent?.url, sent?.request?.method]).toEqual([
      1,
      'https://appleid.apple.com/auth/token',
      'POST',
    ])
    const secret = new URLSearchParams(sent?.request?.body).get('client_secret') ?? ''
    const [header = '', payload = '', signature = ''] = secret.split('.')
    const decoded = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
    expect(decoded(header)).toEqual({ alg: 'ES256', kid: 'ABC123DEFG' })
    expect(decoded(payload)).toEqual({
      iss: 'DEF123GHIJ',
      iat: 1767225600,
      exp: 1767225900,
      aud: 'https://appleid.apple.com',
      sub: 'com.example.web',
    })
    const bytes = Buffer.from(signature, 'base64url')
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    expect(bytes).toHaveLength(64)
    expect(verify('sha256', Buffer.from(`${header}.${payload}`), key, bytes)).toBe(true)
  })

  it.each([
    ['no key', 'not a key'],
    ['a key of RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['a key of another curve', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['a public key', publicKey],
  ])('is not made with %s: the settings are refused', (_, key) => {
    const text =
      typeof key === 'string' ? key : key.export({ type: key === publicKey ? 'spki' : 'pkcs8', format: 'pem' })
    const parsed = apple.options.safeParse({ ...settings, private_key: text })
    expect(parsed.error?.issues).toMatchObject([
      { path: ['private_key'], message: 'expected the content of the .p8 file of the key' },
    ])
    expect(inspect(parsed.error)).not.toContain(String(text).split('\n').at(1) ?? String(text))
  })
})

describe('an ID token of Apple', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const seconds = now / 1000
  const half = (text: string) => createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
  const good = {
    iss: 'https://appleid.apple.com',
    aud: 'com.example.web',
    sub: '001999.subject.1200',
    iat: seconds,
    exp: seconds + 600,
    nonce: 'nonce',
  }

  type Claims = Readonly<Record<string, unknown>>

  const signed = (claims: Claims, alg = 'RS256') =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg, kid: 'KID' })
      .sign(alg === 'HS256' ? new TextEncoder().encode('a shared secret of 32 characters') : rsa.privateKey)

  /** The connector of an Apple whose token endpoint answers this ID token. */
  function connectorTold(idToken: string) {
    const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'KID', use: 'sig' }
    const token = { access_token: 'access', id_token: idToken, refresh_token: 'refresh' }
    const http = {
      request: async (url: URL | string) => {
        const answer = String(url).endsWith('/auth/keys') ? { keys: [jwk] } : token
        return { status: 200, headers: new Headers(), text: JSON.stringify(answer) }
      },
    }
    const options = apple.options.parse({ ...settings, bundle_ids: ['com.example.app'] })
    return apple.build(options, { http, clock: () => now, shared: unshared, allowInsecure: false })
  }

  const identified = async (claims: Claims, alg?: string) =>
    connectorTold(await signed(claims, alg)).identify({ code: 'code' }, authorization)

  /** An app brings one token, and the code beside it is redeemed for another. */
  async function brought(claims: Claims, redeemed: Claims = claims) {
    const native = { ...good, aud: 'com.example.app', nonce: createHash('sha256').update('raw').digest('hex') }
    const { apps } = connectorTold(await signed({ ...native, ...redeemed }))
    const identity_token = await signed({ ...native, ...claims })
    return apps?.apple?.({ identity_token, upstream_code: 'code', raw_nonce: 'raw' })
  }

  it.each([
    ['nothing more', {}],
    ['the hash of the code', { c_hash: half('code') }],
    ['a nonce that was carried', { nonce_supported: true }],
    ['the nonce as the app gave it to an SDK that does not hash', { nonce: 'raw' }],
  ])('is good from an app with %s', async (_, more) => {
    expect((await brought(more))?.identity.subjects).toEqual(['001999.subject.1200'])
  })

  it.each([
    ['the Services ID as audience', { aud: 'com.example.web' }, 'id_token:aud'],
    ['the bundle id in a list', { aud: ['com.example.app'] }, 'id_token:aud'],
    ['another nonce', { nonce: 'another' }, 'id_token:nonce'],
    ['no nonce although the app brings one', { nonce: undefined }, 'id_token:nonce'],
    ['a nonce that was not carried', { nonce_supported: false }, 'id_token:nonce_supported'],
    ['the same as a text', { nonce_supported: 'false' }, 'id_token:nonce_supported'],
    ['the hash of another code', { c_hash: half('another') }, 'id_token:c_hash'],
  ])('is refused from an app with %s', async (_, bent, word) => {
    const refused = await brought(bent, {}).catch((error) => error)
    expect([refused.code, refused.cause?.vendorCode]).toEqual(['upstream.code_invalid', word])
  })

  it('is told to be one that was brought before when it is over', async () => {
    const refused = await brought({ exp: seconds - 61 }, {}).catch((error) => error)
    expect([refused.code, refused.cause?.vendorCode]).toEqual(['upstream.code_used', 'id_token:exp'])
  })

  it('is refused from somebody who has read the hash in it and brings that as the nonce', async () => {
    const hash = createHash('sha256').update('raw').digest('hex')
    const native = { ...good, aud: 'com.example.app', nonce: hash }
    const { apps } = connectorTold(await signed(native))
    const stolen = { identity_token: await signed(native), upstream_code: 'code', raw_nonce: hash }
    const refused = await apps?.apple?.(stolen).catch((error) => error)
    expect([refused.code, refused.cause?.vendorCode]).toEqual(['upstream.code_invalid', 'id_token:nonce'])
  })

  it('is good from an app when the token of the answer does without the nonce', async () => {
    expect((await brought({}, { nonce: undefined }))?.identity.subjects).toEqual(['001999.subject.1200'])
  })

  it('is refused from an app whose code gives a token with the nonce of another login', async () => {
    const refused = await brought({}, { nonce: 'another' }).catch((error) => error)
    expect([refused.code, refused.cause?.vendorCode]).toEqual(['upstream.refused', 'id_token:nonce'])
  })

  it.each(['https://appleid.apple.com', 'https://account.apple.com'])('may say that %s has issued it', async (iss) => {
    expect((await identified({ ...good, iss })).identity.subjects).toEqual(['001999.subject.1200'])
  })

  it('is refused from an app whose code is somebody else’s', async () => {
    const refused = await brought({}, { sub: '001999.another.1200' }).catch((error) => error)
    expect([refused.code, refused.cause?.vendorCode]).toEqual(['upstream.code_invalid', 'sub_mismatch'])
  })

  it('is refused from an app whose code gives a token for the website', async () => {
    const refused = await brought({}, { aud: 'com.example.web' }).catch((error) => error)
    expect([refused.code, refused.cause?.vendorCode]).toEqual(['upstream.refused', 'id_token:aud'])
  })

  it.each([
    ['nothing more', {}],
    ['hashes of the code and the access token', { at_hash: half('access'), c_hash: half('code') }],
    ['a clock a little ahead', { iat: seconds + 60 }],
    ['an end a little ago', { exp: seconds - 59 }],
  ])('is good with %s', async (_, more) => {
    const { identity, credential } = await identified({ ...good, ...more })
    expect([identity.subjects, credential]).toEqual([
      ['001999.subject.1200'],
      { client: 'com.example.web', secret: 'refresh' },
    ])
  })

  it.each([
    ['somebody else as audience', { aud: 'com.example.other' }, 'id_token:aud'],
    ['another audience beside us', { aud: ['com.example.web', 'com.example.other'] }, 'id_token:aud'],
    ['another issuer', { iss: 'https://appleid.example.com' }, 'id_token:iss'],
    ['a time to come', { iat: seconds + 61 }, 'id_token:iat'],
    ['an end in the past', { exp: seconds - 61 }, 'id_token:exp'],
    ['no end', { exp: undefined }, 'id_token:exp'],
    ['another nonce', { nonce: 'another' }, 'id_token:nonce'],
    ['no nonce', { nonce: undefined }, 'id_token:nonce'],
    ['the hash of another access token', { at_hash: half('another') }, 'id_token:at_hash'],
    ['the hash of another code', { c_hash: half('another') }, 'id_token:c_hash'],
    ['no subject', { sub: undefined }, 'unexpected_shape'],
    ['an empty subject', { sub: '' }, 'unexpected_shape'],
  ])('is refused with %s', async (_, bent, word) => {
    const refused = await identified({ ...good, ...bent }).catch((error) => error)
    // The error of the library would hold every claim.
    expect([refused.code, refused.cause.vendorCode, refused.cause.cause]).toEqual(['upstream.refused', word, undefined])
  })

  it.each(['HS256', 'PS256', 'RS512'])('is refused when it is signed with %s', async (alg) => {
    await expect(identified(good, alg)).rejects.toMatchObject({
      code: 'upstream.refused',
      cause: { vendorCode: 'ERR_JOSE_ALG_NOT_ALLOWED' },
    })
  })
})
