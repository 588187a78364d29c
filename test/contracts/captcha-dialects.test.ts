import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import type { CaptchaChallenge } from '../../interactions/challenges/captcha.ts'
import { yidunSignature } from '../../interactions/challenges/captcha-yidun.ts'
import { type CaptchaWorld, logged, openCaptcha, time, verify, type worlds } from './captcha-worlds.ts'

let world: CaptchaWorld
let challenge: CaptchaChallenge

function opened(name: (typeof worlds)[number]['name']) {
  beforeEach(async () => {
    logged.length = 0
    world = await openCaptcha(name)
    challenge = world.challenge()
  })
  afterEach(() => world.simulator.close())
}

/** What becomes of a solution that is right, when the vendor answers otherwise. */
async function told(bent: Record<string, unknown>, fields = world.solved()) {
  Object.assign(world.simulator.bent, bent)
  const { verdict, ...said } = await verify(challenge, fields)
  return [verdict, 'vendorCode' in said ? said.vendorCode : undefined]
}

describe('aliyun', () => {
  opened('aliyun')

  it.each([
    [{ Result: { VerifyResult: true, VerifyCode: 'T001' } }, 'human', 'T001'],
    [{ Result: { VerifyResult: true, VerifyCode: 'T006' } }, 'human', 'T006'],
    [{ Result: { VerifyResult: true } }, 'human', 'no_code'],
    [{ Result: { VerifyResult: false, VerifyCode: 'F001' } }, 'refused', 'F001'],
    [{ Result: { VerifyResult: true, VerifyCode: 'F001' } }, 'refused', 'F001'],
    [{ Result: { VerifyResult: true, VerifyCode: 'T005' } }, 'unavailable', 'T005'],
    [{ Result: { VerifyResult: 'true', VerifyCode: 'T001' } }, 'unavailable', 'no_result'],
    [{ Result: { VerifyResult: 1, VerifyCode: 'T001' } }, 'unavailable', 'no_result'],
    [{ Result: {} }, 'unavailable', 'no_result'],
    [{ Result: undefined }, 'unavailable', 'no_result'],
    [{ Result: undefined, Code: undefined }, 'unavailable', 'no_result'],
  ])('answers %j: %s', async (bent, verdict, code) => {
    expect(await told(bent)).toEqual([verdict, code])
  })

  it.each([
    ['F001', 'refused'],
    ['F016', 'refused'],
    ['InvalidParameter', 'refused'],
    ['MissingParameter', 'refused'],
    ['Forbidden.AccountAccessDenied', 'unavailable'],
    ['InternalError', 'unavailable'],
  ])('says %s: %s', async (code, verdict) => {
    world.simulator.faults.push({ kind: 'refuse', code })
    expect(await told({})).toEqual([verdict, code])
  })

  it('does not judge by a scene that is set for trying it out', async () => {
    for (const scene of ['passing', 'failing']) {
      challenge = world.challenge({ scene_id: scene })
      expect((await verify(challenge, world.solved({ of: scene }))).verdict).toBe('unavailable')
    }
    expect(logged.map(({ level, code }) => [level, code])).toEqual([
      ['error', 'T005'],
      ['error', 'F004'],
    ])
  })

  it('passes on what it got, letter by letter, in a form', async () => {
    const fields = { captcha_verify_param: 'a+b/c=&d e%20é' }
    await verify(challenge, fields)
    const { body, rawQuery } = world.simulator.requests.at(-1) ?? {}
    expect(rawQuery).toBe('')
    expect([...new URLSearchParams(body)]).toEqual([
      ['CaptchaVerifyParam', fields.captcha_verify_param],
      ['SceneId', 'scene1'],
    ])
  })
})

describe('tencent', () => {
  opened('tencent')

  it.each([
    [{ EvilLevel: null }, 'human', '1'],
    [{ EvilLevel: undefined }, 'human', '1'],
    [{ EvilLevel: 100 }, 'refused', 'evil_100'],
    [{ EvilLevel: '100' }, 'refused', 'evil_100'],
    [{ EvilLevel: 50 }, 'refused', 'evil_50'],
    [{ CaptchaCode: '1' }, 'human', '1'],
    [{ CaptchaCode: 10 }, 'refused', '10'],
    [{ CaptchaCode: true }, 'unavailable', 'unexpected_shape'],
    [{ CaptchaCode: null }, 'unavailable', 'no_code'],
  ])('answers %j: %s', async (bent, verdict, code) => {
    expect(await told(bent)).toEqual([verdict, code])
  })

  it.each([
    ['7', 'refused'],
    ['21', 'refused'],
    ['26', 'unavailable'],
    ['100', 'unavailable'],
    ['InvalidParameterValue', 'refused'],
    ['InternalError', 'unavailable'],
    ['UnauthorizedOperation.ErrAuth', 'unavailable'],
  ])('says %s: %s', async (code, verdict) => {
    world.simulator.faults.push({ kind: 'refuse', code })
    expect(await told({})).toEqual([verdict, code])
  })

  it('takes a ticket that a page made by itself for nothing: another challenge takes its place', async () => {
    const seconds = Math.floor(time.now / 1000)
    for (const [ticket, verdict] of [
      [`trerror_1001_190000001_${seconds}`, 'degraded'],
      [`trerror_1001_190000001_${seconds - 590}`, 'degraded'],
      [`trerror_1001_190000001_${seconds - 601}`, 'refused'],
      [`trerror_1001_190000001_${seconds + 601}`, 'refused'],
      [`trerror_1001_190000002_${seconds}`, 'refused'],
      [`trerror_1001_190000001_${seconds} `, 'refused'],
      [`trerror_1001_190000001`, 'refused'],
      ['trerror_', 'refused'],
    ] as const) {
      const { verdict: found } = await verify(challenge, { captcha_ticket: ticket, captcha_randstr: '@abc' })
      expect([ticket, found]).toEqual([ticket, verdict])
    }
    expect(world.simulator.requests).toEqual([])
  })

  it('refuses a ticket with the letters of another', async () => {
    const [one, two] = [world.solved(), world.solved()]
    time.now += 1
    const later = world.solved()
    const mixed = { ...one, captcha_randstr: later['captcha_randstr'] ?? '' }
    expect(await told({}, mixed)).toEqual(['refused', '7'])
    expect(await told({}, two)).toEqual(['human', '1'])
  })
})

describe('geetest', () => {
  opened('geetest')

  it.each([
    [{ result: 'fail', reason: 'pass_token expire' }, 'refused', 'pass_token_expire'],
    [{ status: 'error', code: '-50005' }, 'refused', '-50005'],
    [{ status: 'error', code: '-50000' }, 'unavailable', '-50000'],
    [{ status: 'error', code: '-50105' }, 'unavailable', '-50105'],
    [{ status: 'error', result: 'success' }, 'refused', 'no_code'],
    [{ captcha_args: { lot_number: '0'.repeat(32) } }, 'refused', 'other_lot_number'],
    [{ captcha_args: undefined }, 'refused', 'other_lot_number'],
    [{ status: undefined }, 'unavailable', 'unexpected_shape'],
  ])('answers %j: %s', async (bent, verdict, code) => {
    expect(await told(bent)).toEqual([verdict, code])
  })

  it('refuses what was solved on a page of somebody else', async () => {
    expect(await told({}, world.solved({ hostname: 'evil.example' }))).toEqual(['refused', 'other_referer'])
    challenge = world.challenge({ hostnames: ['app.example'] })
    expect(await told({}, world.solved({ hostname: 'app.example' }))).toEqual(['human', undefined])
    for (const [referer, verdict] of [
      ['no address', 'refused'],
      ['http://localhost.evil.example/', 'refused'],
      ['', 'human'],
    ]) {
      const fields = world.solved()
      const { captcha_lot_number: lot_number } = fields
      expect((await told({ captcha_args: { lot_number, referer } }, fields))[0]).toBe(verdict)
    }
  })

  it('signs as the vendor says', async () => {
    const key = 'b09a7aafbfd83f73b35a9b530d0337bf'
    challenge = world.challenge({ captcha_key: key })
    await verify(challenge, { ...world.solved(), captcha_lot_number: '4dc3cfc2cdff448cad8d13107198d473' })
    const sent = new URLSearchParams(world.simulator.requests.at(-1)?.body)
    expect(sent.get('sign_token')).toBe('c99f3aa68104bdcd085f372dc6556a17a5a830a1a3d25125fb0010466977f3d8')
  })
})

describe('yidun', () => {
  opened('yidun')

  it.each([
    [{ result: true }, 'human', '0'],
    [{ result: false, error: 419 }, 'refused', '419'],
    [{ result: 'true' }, 'unavailable', 'unexpected_shape'],
    [{ result: 1 }, 'unavailable', 'unexpected_shape'],
    [{ result: undefined }, 'unavailable', 'unexpected_shape'],
    [{ result: true, error: undefined }, 'human', undefined],
  ])('answers %j: %s', async (bent, verdict, code) => {
    expect(await told(bent)).toEqual([verdict, code])
  })

  test('refuses everybody with a secret that is not ours', async () => {
    challenge = world.challenge({ secret_key: 'another' })
    expect(await told({})).toEqual(['refused', '401'])
  })

  it('signs as the vendor says', () => {
    const params = { captchaId: 'cid1', validate: 'val1', user: '', secretId: 'sid1', version: 'v2' }
    const signature = yidunSignature({ ...params, timestamp: '1767225600000', nonce: '12345' }, 'skey1')
    expect(signature).toBe('bdbe31a381bd788b9af63c1a09fabab3')
  })
})

const began = time.now
const at = (seconds: number) => new Date(began + seconds * 1000).toISOString()

describe('turnstile', () => {
  opened('turnstile')

  it.each([
    [{ hostname: 'evil.example' }, 'refused', 'other_hostname'],
    [{ hostname: undefined }, 'refused', 'other_hostname'],
    [{ hostname: 'LOCALHOST' }, 'human', undefined],
    [{ action: 'other' }, 'refused', 'other_action'],
    [{ action: undefined }, 'refused', 'other_action'],
    [{ challenge_ts: at(-601) }, 'refused', 'other_time'],
    [{ challenge_ts: at(-599) }, 'human', undefined],
    [{ challenge_ts: at(601) }, 'refused', 'other_time'],
    [{ challenge_ts: 'today' }, 'refused', 'other_time'],
    [{ challenge_ts: undefined }, 'refused', 'other_time'],
    [{ 'error-codes': undefined }, 'human', undefined],
    [{ success: false, 'error-codes': ['internal-error'] }, 'unavailable', 'internal-error'],
    [{ success: false, 'error-codes': [] }, 'refused', 'no_success'],
  ])('answers %j: %s', async (bent, verdict, code) => {
    // The moments above were written when the tests began.
    time.now = began
    expect(await told(bent)).toEqual([verdict, code])
  })

  it('is not asked about a token that is longer than one can be', async () => {
    expect(await told({}, { captcha_token: 'x'.repeat(2049) })).toEqual(['refused', 'too_long'])
    expect(world.simulator.requests).toEqual([])
  })
})

describe('hcaptcha', () => {
  opened('hcaptcha')

  it.each([
    [{ hostname: 'evil.example' }, 'refused', 'other_hostname'],
    [{ challenge_ts: undefined }, 'refused', 'other_time'],
    [{ success: 'true' }, 'human', undefined],
  ])('answers %j: %s', async (bent, verdict, code) => {
    expect(await told(bent)).toEqual([verdict, code])
  })

  it('is told the site key', async () => {
    challenge = world.challenge({ site_key: 'another' })
    expect((await told({}))[0]).toBe('unavailable')
    expect(new URLSearchParams(world.simulator.requests.at(-1)?.body).get('sitekey')).toBe('another')
  })
})

describe('siteverify', () => {
  opened('siteverify')

  it.each([
    [{}, { hostname: undefined }, 'human'],
    [{ hostnames: ['localhost'] }, {}, 'human'],
    [{ hostnames: ['other.example'] }, {}, 'refused'],
    [{ min_score: 0.5 }, { score: 0.5 }, 'human'],
    [{ min_score: 0.5 }, { score: 0.4 }, 'refused'],
    [{ min_score: 0.5 }, { score: 'high' }, 'refused'],
    [{ min_score: 0.5 }, {}, 'refused'],
  ])('with %j it answers %j: %s', async (settings, bent, verdict) => {
    challenge = world.challenge(settings)
    expect((await told(bent))[0]).toBe(verdict)
  })
})
