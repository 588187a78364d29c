import { describe, expect, it } from 'vitest'
import { univerifySign } from '../../interactions/upstreams/one-tap-univerify.ts'
import { Secret } from '../../src/base/secret.ts'

const key = new Secret('your-secret-string')
const access_token = 'ZGI4NjkxZWE4YjAyNGUzMjhiMmZiNDcwODBjYjc5MDF8fDJ8djJ8Mg=='
const openid = '208E2FBE6EF64DF3B2D377D886EF2A14124262bfd7ae16465ea0f0634554dcee7636'

describe('the signature of a call to univerify’s cloud function', () => {
  it.each([
    [{ openid: 'xxx', access_token: 'xxx' }, '37eb5201eb8db6c74a25e24b7133e6f6693b549191790722d429b20b6b8651f1'],
    [{ access_token, openid }, 'e03b29e1c51c77593a06863a4cbd8ed4aa6609bc8ae5ba200c89a17f663cbd97'],
    [
      { timestamp: '1767225600000', openid, nonce: 'n-0001', access_token },
      'be3ceeb9eb4b20fd01c3381e8b3aa844795ae63e69ecfff7b6f1596f14627f3a',
    ],
  ])('is over names and values in the order of the names: %o', (values, signature) => {
    expect(univerifySign(key, values)).toBe(signature)
  })

  it('is another one where a value holds what could be the next, if values are encoded', () => {
    const [one, other] = [
      { a: '1&b=2', c: '3' },
      { a: '1', b: '2', c: '3' },
    ]
    expect(univerifySign(key, one)).toBe(univerifySign(key, other))
    expect(univerifySign(key, one, encodeURIComponent)).not.toBe(univerifySign(key, other, encodeURIComponent))
  })
})
