import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Fault } from '../../sandbox/simulators/simulator.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { build, clock, comeBack, impostor, refusedBy, sent, wordOf } from './connector-bench.ts'
import { apple, appSecret, type ConnectorWorld, callback, github, oidc, qq, wechat, weibo } from './connector-worlds.ts'

describe.each([
  { name: 'wechat by QR code', open: wechat('website') },
  { name: 'wechat inside WeChat', open: wechat('official_account') },
  { name: 'qq', open: qq },
  { name: 'weibo', open: weibo },
  { name: 'github', open: github },
  { name: 'apple', open: apple },
  { name: 'oidc', open: oidc },
])('the connector of $name', ({ open }) => {
  let world: ConnectorWorld

  beforeEach(async () => {
    world = await open(clock)
  })
  afterEach(async () => {
    resetClock()
    await world.simulator.close()
  })

  const exchanges = () => world.simulator.requests.filter(({ path }) => path === world.exchangePath)
  /** A person has come back, and what is wrong begins only now. */
  const arrived = (bent?: Readonly<Record<string, unknown>>) => comeBack(world, build(world.settings(bent)))

  it('says who came, after one exchange', async () => {
    const connector = build(world.settings())
    expect(connector.availability(world.visit)).toBe('here')
    const { identify } = await comeBack(world, connector)
    const { identity } = await identify()
    expect(identity).toEqual(world.expected)
    expect(connector.provider).toBe(world.expected.provider)
    expect(exchanges()).toHaveLength(1)
  })

  it('is known again the next time, by the same subjects', async () => {
    const connector = build(world.settings())
    const first = await (await comeBack(world, connector)).identify()
    const second = await (await comeBack(world, connector)).identify()
    expect(second.identity.subjects).toEqual(first.identity.subjects)
  })

  it('sends the browser to the configured host with the state, and with no secret', async () => {
    const { url, response } = await arrived()
    expect(url.origin).toBe(world.simulator.url)
    expect(url.searchParams.get('state')).toBe(sent.state)
    expect(url.searchParams.get('redirect_uri')).toBe(callback)
    expect(response['state']).toBe(sent.state)
    expect(url.href).not.toContain(appSecret)
    expect(url.href).not.toContain(sent.codeVerifier)
  })

  it('sends the secret with the exchange and with nothing else', async () => {
    await (await arrived()).identify()
    const telling = world.simulator.requests.filter((request) => inspect(request).includes(appSecret))
    expect(telling.filter(({ path }) => path !== world.exchangePath)).toEqual([])
  })

  it('takes a refusal for one', async () => {
    const { identify } = await comeBack(world, build(world.settings()), 'refuse')
    const refused = await refusedBy(world, identify())
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.cancelled', world.words.cancelled])
    expect(exchanges()).toHaveLength(0)
  })

  it('takes a callback with nothing in it for a refusal, and asks the vendor nothing', async () => {
    const connector = build(world.settings())
    const { authorization } = await comeBack(world, connector)
    const refused = await refusedBy(world, connector.identify({ state: sent.state }, authorization))
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.cancelled', 'no_code'])
    expect(exchanges()).toHaveLength(0)
  })

  it('takes no code twice', async () => {
    const { identify, response } = await arrived()
    await identify()
    const refused = await refusedBy(world, identify(), response)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.code_invalid', world.words.used])
    expect(exchanges()).toHaveLength(2)
  })

  it('takes no code that is over', async () => {
    const { identify, response } = await arrived()
    walkTo(660_000)
    const refused = await refusedBy(world, identify(), response)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.code_invalid', world.words.expired])
    expect(exchanges()).toHaveLength(1)
  })

  it('takes no code of another app', async () => {
    const { authorization } = await arrived()
    const theirs = build(world.foreign())
    const url = await theirs.authorizationUrl(
      { ...authorization, redirectUri: callback.replace('ours', 'theirs') },
      world.visit,
    )
    const response = await world.answer(url, 'accept')
    expect(response['code']).toBeTruthy()
    const refused = await refusedBy(world, build(world.settings()).identify(response, authorization), response)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.code_invalid', world.words.foreign])
    expect(exchanges()).toHaveLength(1)
  })

  it('takes no code that was made up', async () => {
    const { response, authorization } = await arrived()
    const forged = { ...response, code: 'made-up-code-DNTL' }
    const refused = await refusedBy(world, build(world.settings()).identify(forged, authorization), forged)
    expect(refused.code).toBe('upstream.code_invalid')
  })

  it('raises an alarm when the vendor does not know our secret', async () => {
    const { identify, response } = await arrived(world.wrongSecret)
    const refused = await refusedBy(world, identify(), response)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.misconfigured', world.words.wrongSecret])
    expect(exchanges()).toHaveLength(1)
  })

  it.each<[string, Fault, ErrorCode, string | undefined]>([
    ['status 500', { kind: 'server_error' }, 'upstream.busy', '500'],
    ['status 502 with HTML', { kind: 'bad_gateway_html' }, 'upstream.busy', '502'],
    ['a page instead of an answer', { kind: 'html_instead' }, 'upstream.busy', 'page'],
    ['half an answer', { kind: 'truncated_json' }, 'upstream.refused', undefined],
    ['an answer after the time limit', { kind: 'latency', ms: 2000 }, 'upstream.busy', undefined],
    ['a body that never ends', { kind: 'slow_body', ms: 2000 }, 'upstream.busy', undefined],
    ['a reset before the vendor acted', { kind: 'reset_before_accept' }, 'upstream.busy', undefined],
    ['a reset after the vendor acted', { kind: 'reset_after_accept' }, 'upstream.busy', undefined],
    ['a length that is not kept', { kind: 'wrong_length' }, 'upstream.busy', undefined],
  ])('fails on %s of any call, having tried each call once', async (_, fault, code, word) => {
    // Each at a vendor of its own, so that what waits for the limit waits at the same time.
    const failAt = async (path: string) => {
      const own = await open(clock)
      onTestFinished(() => own.simulator.close())
      const connector = build(own.settings(), 'ms' in fault ? { timeoutMs: 1000 } : {})
      const { identify, response } = await comeBack(own, connector)
      const before = own.simulator.requests.length
      own.simulator.faults.push({ ...fault, path })
      const refused = await refusedBy(own, identify(), response)
      expect([path, refused.code]).toEqual([path, code])
      if (word !== undefined) expect(wordOf(refused)).toBe(word)
      else expect(refused.cause).toMatchObject({ name: expect.stringMatching(/^Upstream(Answer|Failure)$/) })
      const paths = own.simulator.requests.slice(before).map((request) => request.path)
      expect(paths.filter((each) => each === own.exchangePath)).toHaveLength(1)
      expect(paths.filter((each) => each === path)).toHaveLength(1)
    }
    await Promise.all([world.exchangePath, ...world.laterPaths].map(failAt))
  })

  it("reads the vendor's refusals, keeps the word and none of the prose", async () => {
    for (const [path, vendorCode, code] of world.mappings) {
      const { identify, response } = await arrived()
      const fault = { kind: 'refuse', code: vendorCode, message: `prose-DNTL ${appSecret}`, path } as const
      // A vendor that says it is busy, and did nothing, is asked three times.
      for (let times = vendorCode === '-1' ? 3 : 1; times > 0; times -= 1) world.simulator.faults.push(fault)
      const refused = await refusedBy(world, identify(), response)
      expect([path, vendorCode, refused.code]).toEqual([path, vendorCode, code])
      expect([path, wordOf(refused)]).toEqual([path, vendorCode])
      expect(inspect(refused, { depth: 9 })).not.toContain('prose-DNTL')
    }
  })

  it.each<Fault>([
    { kind: 'server_error' },
    { kind: 'bad_gateway_html' },
    { kind: 'too_many_requests' },
    { kind: 'html_instead' },
    { kind: 'truncated_json' },
    { kind: 'reset_before_accept' },
    { kind: 'reset_after_accept' },
    { kind: 'wrong_length' },
    { kind: 'latency', ms: 2000 },
    { kind: 'slow_body', ms: 2000 },
    ...['-1', '-22', '1002', '100030', '40001', '45011', '50002', '21321', '99999', 'invalid_token'].map(
      (code) => ({ kind: 'refuse', code }) as const,
    ),
  ])('lets in who was proved, without a name, if only that cannot be had: %o', async (fault) => {
    const { shownPath: path } = world
    if (path === undefined) return
    const connector = build(world.settings(), 'ms' in fault ? { timeoutMs: 1000 } : {})
    const { identify } = await comeBack(world, connector)
    // One for each time that a busy vendor is asked.
    for (let times = 3; times > 0; times -= 1) world.simulator.faults.push({ ...fault, path })
    const { identity, ifUnknown } = await identify()
    expect([identity, ifUnknown]).toEqual([{ ...world.expected, profile: {} }, undefined])
  })

  it.each([
    ['null', 200],
    ['[]', 200],
    ['{}', 200],
    ['7', 200],
    ['', 200],
    ['{"access_token":""}', 200],
    ['{"access_token":{"error":1}}', 200],
    ['{"error":{"error":"x"}}', 200],
    ['{"access_token":x"token-DNTL"}', 200],
    ['<html>blocked</html>', 403],
  ])('takes the answer %s with status %i for a failure', async (body, status) => {
    const { response, authorization } = await arrived()
    const vendor = await impostor((_, answer) => answer.writeHead(status).end(body))
    try {
      const elsewhere = Object.fromEntries(world.addressSettings.map((setting) => [setting, vendor.url]))
      const connector = build(world.settings(elsewhere))
      const refused = await refusedBy(world, connector.identify(response, authorization), response)
      expect(refused.code).toBe('upstream.refused')
      expect(inspect(refused, { depth: 9 })).not.toMatch(/token-D/)
      expect(vendor.calls()).toBe(1)
    } finally {
      vendor.close()
    }
  })

  it('follows no redirect, which would carry secrets to another host', async () => {
    const { response, authorization } = await arrived()
    const thief = await impostor((_, answer) => answer.end('{}'))
    const vendor = await impostor((request, answer) =>
      answer.writeHead(307, { location: `${thief.url}${request.url}` }).end(),
    )
    try {
      const elsewhere = Object.fromEntries(world.addressSettings.map((setting) => [setting, vendor.url]))
      const connector = build(world.settings(elsewhere))
      const refused = await refusedBy(world, connector.identify(response, authorization), response)
      expect(refused.code).toBe('upstream.refused')
      expect([vendor.calls(), thief.calls()]).toEqual([1, 0])
    } finally {
      vendor.close()
      thief.close()
    }
  })

  it('is not built outside the sandbox with an address that is not https', () => {
    for (const setting of world.addressSettings) {
      const others = Object.fromEntries(world.addressSettings.map((each) => [each, 'https://vendor.example.com']))
      expect(() => build(world.settings(others), { allowInsecure: false })).not.toThrow()
      const bent = world.settings({ ...others, [setting]: 'http://vendor.example.com' })
      expect(() => build(bent, { allowInsecure: false })).toThrow(
        `connection ours: ${setting} must be an https address`,
      )
    }
  })

  it('hides its secrets wherever its settings are printed', () => {
    const settings = world.settings()
    expect(`${inspect(settings, { depth: 9 })} ${JSON.stringify(settings)}`).not.toMatch(/DNTL|PRIVATE KEY/)
  })
})

describe.each([
  { name: 'wechat', open: wechat('website') },
  { name: 'qq', open: qq },
  { name: 'weibo', open: weibo },
  { name: 'github', open: github },
  { name: 'apple', open: apple },
  { name: 'oidc', open: oidc },
])('the status of an answer of $name', ({ open }) => {
  let world: ConnectorWorld

  beforeEach(async () => {
    world = await open(clock)
  })
  afterEach(() => world.simulator.close())

  it('makes a failure of an answer that looks like a good one', async () => {
    const { response, authorization } = await comeBack(world)
    const body = { access_token: 'a', token_type: 'bearer', openid: 'b', uid: '1', scope: '', id_token: 'c' }
    const vendor = await impostor((_, answer) => answer.writeHead(418).end(JSON.stringify(body)))
    const elsewhere = Object.fromEntries(world.addressSettings.map((setting) => [setting, vendor.url]))
    const refused = await refusedBy(world, build(world.settings(elsewhere)).identify(response, authorization))
    vendor.close()
    expect(refused.code).toBe('upstream.refused')
    expect(vendor.calls()).toBe(1)
  })

  it('says that the vendor has too much to do', async () => {
    const { identify } = await comeBack(world)
    world.simulator.faults.push({ kind: 'too_many_requests', path: world.exchangePath })
    const refused = await refusedBy(world, identify())
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.busy', '429'])
  })
})
