import { generateKeyPairSync, verify } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { apple } from '../../interactions/methods/apple.ts'
import type { HttpRequest } from '../../src/base/http.ts'

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
    const connector = apple.build(apple.options.parse(settings), { http, clock: () => now, allowInsecure: false })
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
