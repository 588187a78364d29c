import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { Carrier } from '../../sandbox/simulators/carrier.ts'
import { startUniverify, type UniverifySimulator, univerifySign } from '../../sandbox/simulators/univerify.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const appid = '__UNI__0000001'
const secret = 'your-secret-string'
const mobile = '13800138000'
let now = start
let carrier: Carrier
let vendor: UniverifySimulator

const open = async (mode: 'sample' | 'hardened') => {
  vendor = await startUniverify({ clock: () => now, carrier, appid, secret, mode })
  onTestFinished(() => vendor.close())
}
beforeEach(() => {
  now = start
  carrier = new Carrier({ clock: () => now, univerifyAppid: appid, aliyunScheme: 'ours' })
})

interface Grant {
  readonly access_token: string
  readonly openid: string
}
const hmac = (text: string, key = secret) => createHmac('sha256', key).update(text).digest('hex')
const answered = async (response: Response) => [response.status, await response.json()] as const

/** The codes of the table that the function can answer; those of clients never reach it. */
const codes = [-7, 1000, 1001, 1002, 4001, 4003, 5000, 40004, 40047, 40053, 40101, 40201, 40301]

describe('the signature', () => {
  const access_token = 'ZGI4NjkxZWE4YjAyNGUzMjhiMmZiNDcwODBjYjc5MDF8fDJ8djJ8Mg=='
  const openid = '208E2FBE6EF64DF3B2D377D886EF2A14124262bfd7ae16465ea0f0634554dcee7636'
  const hardened = { timestamp: '1767225600000', openid, nonce: 'n-0001', access_token }

  it("is the fact sheet's over raw values", () => {
    expect(univerifySign(secret, { openid: 'xxx', access_token: 'xxx' })).toBe(
      '37eb5201eb8db6c74a25e24b7133e6f6693b549191790722d429b20b6b8651f1',
    )
    expect(univerifySign(secret, { openid, access_token })).toBe(
      'e03b29e1c51c77593a06863a4cbd8ed4aa6609bc8ae5ba200c89a17f663cbd97',
    )
    expect(univerifySign(secret, hardened)).toBe('be3ceeb9eb4b20fd01c3381e8b3aa844795ae63e69ecfff7b6f1596f14627f3a')
  })

  it('is another one over encoded values', () => {
    expect(univerifySign(secret, hardened, encodeURIComponent)).toBe(
      '0e6d5592e4af6b9b5cf4bc029ef89525b336c2d0dba2aef7f6db6facb511a05d',
    )
  })
})

describe('the function as the sample has it', () => {
  beforeEach(() => open('sample'))

  const raw = (query: string, init?: RequestInit) => fetch(`${vendor.functionUrl}?${query}`, init)
  const call = async ({ access_token, openid }: Grant, key = secret) => {
    const sign = hmac(`access_token=${access_token}&openid=${openid}`, key)
    return answered(await raw(String(new URLSearchParams({ access_token, openid, sign }))))
  }

  it('answers the number in the newer shape', async () => {
    expect(await call(carrier.issueUniverify(mobile))).toEqual([200, { code: 0, message: '', phoneNumber: mobile }])
  })

  it('answers in the older shape when told', async () => {
    vendor.setShape('older')
    expect(await call(carrier.issueUniverify(mobile))).toEqual([
      200,
      {
        data: { code: 0, success: true, phoneNumber: mobile },
        statusCode: 200,
        header: expect.any(Object),
        errMsg: 'request:ok',
      },
    ])
    expect(await call({ access_token: 'garbage', openid: 'x' })).toMatchObject([
      200,
      { data: { code: 5000, success: false, message: expect.any(String) }, statusCode: 200 },
    ])
  })

  it('throws at a bad sign and at a call it does not understand, and uses nothing up', async () => {
    const grant = carrier.issueUniverify(mobile)
    const { access_token, openid } = grant
    const sign = hmac(`access_token=${access_token}&openid=${openid}`)
    const query = String(new URLSearchParams({ ...grant, sign }))
    const encoded = hmac(`access_token=${encodeURIComponent(access_token)}&openid=${openid}`)
    expect((await call(grant, 'other-secret'))[0]).toBe(500)
    const refused = [
      `access_token=${encodeURIComponent(access_token)}&openid=${openid}`,
      String(new URLSearchParams({ ...grant, sign: sign.toUpperCase() })),
      String(new URLSearchParams({ ...grant, sign: encoded })),
      String(new URLSearchParams({ openid, sign })),
      String(new URLSearchParams({ access_token, sign })),
      `${query}&openid=${openid}`,
    ]
    for (const each of refused) expect((await raw(each)).status).toBe(500)
    expect((await raw(query, { method: 'POST' })).status).toBe(500)
    const { status, headers } = await fetch(`${vendor.url}/elsewhere?${query}`)
    expect([status, headers.get('content-type')]).toEqual([404, 'application/json;charset=utf-8'])
    expect(await answered(await raw(query))).toMatchObject([200, { code: 0 }])
  })

  it('takes a token once, with its own openid and appid', async () => {
    const grant = carrier.issueUniverify(mobile)
    expect(await call({ ...grant, openid: carrier.issueUniverify('13900001234').openid })).toMatchObject([
      200,
      { code: 5000 },
    ])
    expect(await call(grant)).toMatchObject([200, { code: 0 }])
    expect(await call(grant)).toMatchObject([200, { code: 5000 }])
    expect(await call(carrier.issueUniverify(mobile, '__UNI__9999999'))).toMatchObject([200, { code: 4003 }])
  })

  it("takes no token of another vendor's SDK", async () => {
    const access_token = carrier.issueAliyunToken(mobile)
    expect(await call({ ...carrier.issueUniverify(mobile), access_token })).toMatchObject([200, { code: 5000 }])
  })

  it.each([
    ['China Mobile', mobile, 2],
    ['China Unicom', '18600000000', 30],
    ['China Telecom', '18900000000', 10],
  ])('takes a token of %s (%s) for %i minutes', async (_, phone, minutes) => {
    const [early, late] = [carrier.issueUniverify(phone), carrier.issueUniverify(phone)]
    now = start + minutes * 60_000 - 1
    expect(await call(early)).toMatchObject([200, { code: 0, phoneNumber: phone }])
    now += 1
    expect(await call(late)).toMatchObject([200, { code: 5000 }])
  })

  it.each(codes)('can answer %i, and uses nothing up', async (code) => {
    const grant = carrier.issueUniverify(mobile)
    vendor.faults.push({ kind: 'refuse', code: String(code) })
    const [status, body] = await call(grant)
    expect([status, body]).toEqual([200, { code, message: expect.stringMatching(/.{4}/) }])
    expect(await call(grant)).toMatchObject([200, { code: 0 }])
  })

  it('has used the token up when the answer is lost', async () => {
    const grant = carrier.issueUniverify(mobile)
    vendor.faults.push({ kind: 'reset_after_accept' })
    await expect(call(grant)).rejects.toThrow()
    expect(await call(grant)).toMatchObject([200, { code: 5000 }])
  })
})

describe('the hardened function', () => {
  beforeEach(() => open('hardened'))

  let serial = 0
  interface Bent {
    readonly fields?: Readonly<Record<string, unknown>>
    readonly key?: string
    readonly written?: (value: string) => string
    readonly headers?: Record<string, string>
    readonly sign?: string
  }
  const call = async (
    grant: Grant,
    { fields, key = secret, written = encodeURIComponent, headers, sign }: Bent = {},
  ) => {
    serial += 1
    const given: Record<string, unknown> = { ...grant, nonce: `n-${serial}`, timestamp: now, ...fields }
    const text = ['access_token', 'nonce', 'openid', 'timestamp'].map(
      (name) => `${name}=${written(String(given[name]))}`,
    )
    const response = await fetch(vendor.functionUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ ...given, sign: sign ?? hmac(text.join('&'), key) }),
    })
    return answered(response)
  }

  it('answers the number, in both shapes', async () => {
    expect(await call(carrier.issueUniverify(mobile))).toEqual([200, { code: 0, message: '', phoneNumber: mobile }])
    vendor.setShape('older')
    expect(await call(carrier.issueUniverify(mobile))).toMatchObject([200, { data: { phoneNumber: mobile } }])
  })

  it('takes the time as a number or as a string', async () => {
    const grant = carrier.issueUniverify(mobile)
    expect(await call(grant, { fields: { timestamp: String(now) } })).toMatchObject([200, { code: 0 }])
  })

  it('throws at a bad sign, at raw values, and at a body it does not understand', async () => {
    const grant = carrier.issueUniverify(mobile)
    const bents: readonly Bent[] = [
      { key: 'other-secret' },
      { sign: '' },
      { written: (value) => value },
      { fields: { nonce: '' } },
      { fields: { nonce: 7 } },
      { fields: { nonce: 'n'.repeat(65) } },
      { fields: { openid: '' } },
      { fields: { access_token: [grant.access_token] } },
      { fields: { timestamp: Math.floor(now / 1000) } },
      { headers: { 'content-type': 'text/plain' } },
    ]
    for (const bent of bents) expect((await call(grant, bent))[0], JSON.stringify(bent)).toBe(500)
    expect((await fetch(vendor.functionUrl, { method: 'POST', body: 'null' })).status).toBe(500)
    const sign = hmac(`access_token=${grant.access_token}&openid=${grant.openid}`)
    expect((await fetch(`${vendor.functionUrl}?${new URLSearchParams({ ...grant, sign })}`)).status).toBe(500)
    expect(await call(grant)).toMatchObject([200, { code: 0 }])
  })

  it('takes a time within five minutes', async () => {
    const grant = carrier.issueUniverify('18600000000')
    expect((await call(grant, { fields: { timestamp: now - 300_001 } }))[0]).toBe(500)
    expect((await call(grant, { fields: { timestamp: now + 300_001 } }))[0]).toBe(500)
    expect((await call(grant, { fields: { timestamp: now - 300_000 } }))[0]).toBe(200)
  })

  it('takes a nonce once, and forgets one that came with a bad sign', async () => {
    const grant = carrier.issueUniverify(mobile)
    const fields = { nonce: 'same' }
    expect((await call(grant, { fields, key: 'other-secret' }))[0]).toBe(500)
    expect((await call(grant, { fields }))[0]).toBe(200)
    expect((await call(carrier.issueUniverify(mobile), { fields }))[0]).toBe(500)
  })

  it.each(codes)('can answer %i', async (code) => {
    vendor.faults.push({ kind: 'refuse', code: String(code), message: 'so' })
    expect(await call(carrier.issueUniverify(mobile))).toEqual([200, { code, message: 'so' }])
  })
})
