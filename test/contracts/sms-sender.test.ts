import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Oddity, oddities } from '../../sandbox/simulators/oddities.ts'
import type { Fault } from '../../sandbox/simulators/simulator.ts'
import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import { httpClient } from '../../src/base/http.ts'
import type { SmsCode, SmsRefusal, SmsSender } from '../../src/sms/sms-sender.ts'
import { buildSmsSender, type SmsSenderOptions } from '../../src/sms/sms-senders.ts'
import { patienceMs } from '../support/patience.ts'
import { aliyun, message, tencent, type Vendor } from './sms-vendors.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const http = httpClient({ timeoutMs: patienceMs, allowInsecure: true })
/** Gives up before the simulators answer that are told to be late. */
const hasty = httpClient({ timeoutMs: 1000, allowInsecure: true })
let now = start
const clock = () => now
const outward = { http, metadata: http, clock, countries: ['86'] }

/** What no error message and no log line may hold: number, code and secrets, plain or encoded. */
const unspeakable = /13900001234|739251|DNTL/

interface Line {
  readonly level: string
  readonly text: string
}

function recorder() {
  const lines: Line[] = []
  const at = (level: string) => (fields: unknown, text?: string) => {
    lines.push({ level, text: JSON.stringify([fields, text]) })
  }
  return { lines, log: { info: at('info'), warn: at('warn'), error: at('error') } }
}

async function refusedBy(sender: SmsSender, to: SmsCode = message): Promise<AppError> {
  const thrown: unknown = await sender.send(to).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  expect(inspect(thrown, { depth: 9 })).not.toMatch(unspeakable)
  return thrown as AppError
}

/** What becomes of a message to a server that gives this answer, once. */
async function answeredWith<T>(body: string, status: number, send: (endpoint: string) => Promise<T>): Promise<T> {
  let calls = 0
  const oddity = createServer((_, response) => {
    calls += 1
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => oddity.listen(0, '127.0.0.1', resolve))
  try {
    return await send(`http://127.0.0.1:${(oddity.address() as AddressInfo).port}`)
  } finally {
    oddity.closeAllConnections()
    oddity.close()
    expect(calls).toBe(1)
  }
}

beforeEach(() => {
  now = start
})

describe.each([
  { name: 'aliyun', startVendor: aliyun, startOther: tencent },
  { name: 'tencent', startVendor: tencent, startOther: aliyun },
])('the $name sender', ({ name, startVendor, startOther }) => {
  let vendor: Vendor
  let other: Vendor
  let recorded: ReturnType<typeof recorder>

  beforeEach(async () => {
    vendor = await startVendor(clock)
    other = await startOther(clock)
    recorded = recorder()
  })

  afterEach(async () => {
    expect(recorded.lines.filter(({ text }) => unspeakable.test(text))).toEqual([])
    await vendor.simulator.close()
    await other.simulator.close()
  })

  const sendersOver = (client: typeof http, ...options: SmsSenderOptions[]) =>
    buildSmsSender(options, { ...outward, http: client, log: recorded.log })
  const sender = (...options: SmsSenderOptions[]) => sendersOver(http, ...options)
  const both = () => sender(vendor.options(), other.options())

  it('delivers the code to the number with one request', async () => {
    await both().send(message)
    expect(vendor.delivered()).toEqual([{ to: '+8613900001234', otp: '739251' }])
    expect(vendor.simulator.requests).toHaveLength(1)
    expect(other.simulator.requests).toHaveLength(0)
    expect(recorded.lines).toEqual([])
  })

  it('uses the template of the purpose, and signs each of several messages afresh', async () => {
    await both().send(message)
    now += 61_000
    await both().send({ ...message, template: 'bind_code' })
    expect(vendor.delivered()).toHaveLength(2)
  })

  it('raises an alarm on a wrong key and lets the next vendor send', async () => {
    await sender(vendor.options({ [vendor.secretOption]: 'wrong-secret-DNTL' }), other.options()).send(message)
    expect(vendor.delivered()).toEqual([])
    expect(other.delivered()).toHaveLength(1)
    expect(recorded.lines).toMatchObject([{ level: 'error' }])
  })

  it('raises an alarm on a clock that is off', async () => {
    const slow = { ...outward, clock: () => start - 3_600_000 }
    const behind = buildSmsSender([vendor.options()], { ...slow, log: recorded.log })
    expect((await refusedBy(behind)).code).toBe('sms.undeliverable')
    expect(recorded.lines).toMatchObject([{ level: 'error', text: expect.stringMatching(/Expire/) }])
  })

  it('refuses a number the vendor does not serve, and asks nobody else', async () => {
    const refused = await refusedBy(both(), vendor.unserved)
    expect(refused).toMatchObject({ code: 'sms.number_refused', field: 'phone' })
    expect(other.simulator.requests).toHaveLength(0)
  })

  it("turns the vendor's own frequency limit into a pause, and does not walk around it", async () => {
    await both().send(message)
    const refused = await refusedBy(both())
    expect(refused.code).toBe('otp.too_soon')
    expect(refused.params['retryAfterSeconds']).toBeGreaterThanOrEqual(30)
    expect(other.simulator.requests).toHaveLength(0)
    expect(vendor.delivered()).toHaveLength(1)
  })

  it('reads every limit of the vendor as its length', async () => {
    for (const [code, words, seconds] of vendor.pauses) {
      vendor.simulator.faults.push({ kind: 'refuse', code, message: words })
      expect((await refusedBy(both())).params, code + words).toEqual({ retryAfterSeconds: seconds })
    }
  })

  it.each<[keyof Vendor['codes'], ErrorCode, string, boolean]>([
    ['number', 'sms.number_refused', 'info', false],
    ['ours', 'sms.undeliverable', 'error', true],
    ['theirs', 'sms.undeliverable', 'warn', true],
  ])("maps the vendor's codes about %s to %s", async (kind, expected, level, goesOn) => {
    for (const [index, code] of vendor.codes[kind].entries()) {
      for (const forNumber of [false, true]) {
        vendor.simulator.faults.push({ kind: 'refuse', code, forNumber })
        const refused = await refusedBy(sender(vendor.options()))
        expect([refused.code, (refused.cause as SmsRefusal).vendorCode]).toEqual([expected, code])
      }
      now += 86_400_000
      vendor.simulator.faults.push({ kind: 'refuse', code })
      await both()
        .send(message)
        .catch(() => undefined)
      expect(other.delivered(), code).toHaveLength(goesOn ? index + 1 : 0)
    }
    expect(new Set(recorded.lines.map((line) => line.level))).toEqual(new Set([level]))
    expect(vendor.delivered()).toEqual([])
  })

  it.each<[string, Fault]>([
    ['a reset before the vendor acted', { kind: 'reset_before_accept' }],
    ['a reset after the vendor acted', { kind: 'reset_after_accept' }],
    ['an answer after the time limit', { kind: 'latency', ms: 2000 }],
    ['a body that never ends', { kind: 'slow_body', ms: 2000 }],
    ['status 500', { kind: 'server_error' }],
    ['status 502 with HTML', { kind: 'bad_gateway_html' }],
    ['half an answer', { kind: 'truncated_json' }],
  ])('takes %s for unclear: one request, no repeat, no other vendor', async (_, fault) => {
    vendor.simulator.faults.push(fault)
    const waiting = 'ms' in fault ? hasty : http
    expect(await sendersOver(waiting, vendor.options(), other.options()).send(message)).toBe('unclear')
    expect(recorded.lines).toMatchObject([{ level: 'warn', text: expect.stringContaining('unclear whether') }])
    expect(vendor.simulator.requests).toHaveLength(1)
    expect(other.simulator.requests).toHaveLength(0)
  })

  it.each([
    ['null', 200],
    ['{}', 200],
    ['[]', 200],
    ['{"Response":{"SendStatusSet":[]}}', 200],
    ['{"Code":"OK","Response":{"SendStatusSet":[{"Code":"Ok"}]}}', 404],
    ['<html>blocked</html>', 403],
    ['{"Code":"isv.OUT_OF_SERVICE","Response":{"Error":{"Code":"InternalError"}}}', 503],
  ])('takes the answer %s with status %i for unclear', async (body, status) => {
    const send = (endpoint: string) => sender(vendor.options({ endpoint }), other.options()).send(message)
    expect(await answeredWith(body, status, send)).toBe('unclear')
    expect(other.simulator.requests).toHaveLength(0)
  })

  it.each(Object.keys(oddities) as Oddity[])('reads an answer as odd as %s', async (oddity) => {
    vendor.simulator.oddities.add(oddity)
    expect(await both().send(message)).toBe('sent')
    vendor.simulator.faults.push({ kind: 'refuse', code: vendor.codes.number[0] ?? '' })
    expect((await refusedBy(both())).code).toBe('sms.number_refused')
    expect(other.simulator.requests).toHaveLength(0)
  })

  it.each([
    '{"Code":"OK\\t","Message":null,"RequestId":null,"Response":{"Error":null,"RequestId":7,"SendStatusSet":[{"Code":" Ok"}]}}',
    '{"Code":"Ok","Message":[],"Response":{"Error":{},"SendStatusSet":[{"Code":"OK","Fee":"1"}]}}',
  ])('takes %s for sent', async (body) => {
    expect(await answeredWith(body, 200, (endpoint) => sender(vendor.options({ endpoint })).send(message))).toBe('sent')
  })

  it('lets the next vendor send when this one is asked too often', async () => {
    vendor.simulator.faults.push({ kind: 'too_many_requests' })
    expect(await both().send(message)).toBe('sent')
    expect(other.delivered()).toHaveLength(1)
    expect(recorded.lines).toMatchObject([{ level: 'warn', text: expect.stringContaining('http_429') }])
  })

  it('lets the next vendor send when this one cannot be reached', async () => {
    await vendor.simulator.close()
    await both().send(message)
    expect(other.delivered()).toEqual([{ to: '+8613900001234', otp: '739251' }])
    expect(recorded.lines).toMatchObject([{ level: 'warn', text: expect.stringContaining('"unreachable"') }])
  })

  it('fails as undeliverable when every vendor refuses, having asked each once', async () => {
    vendor.simulator.faults.push({ kind: 'refuse', code: 'isv.OUT_OF_SERVICE' })
    other.simulator.faults.push({ kind: 'refuse', code: 'isv.OUT_OF_SERVICE' })
    expect((await refusedBy(both())).code).toBe('sms.undeliverable')
    expect([vendor.simulator.requests.length, other.simulator.requests.length]).toEqual([1, 1])
    expect(recorded.lines).toHaveLength(2)
  })

  it('logs vendor, code and request id, and none of what the vendor wrote in prose', async () => {
    vendor.simulator.faults.push({ kind: 'refuse', code: 'isv.OUT_OF_SERVICE', message: '13900001234 739251' })
    await refusedBy(sender(vendor.options()))
    expect(JSON.parse(recorded.lines[0]?.text ?? '')[0]).toEqual({
      vendor: name,
      vendor_code: 'isv.OUT_OF_SERVICE',
      vendor_request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      certainly_not_sent: true,
      template: 'login_code',
      calling_code: '86',
    })
  })

  it('does not repeat a code of the vendor that is not shaped like one', async () => {
    vendor.simulator.faults.push({ kind: 'refuse', code: '13900001234: 739251' })
    const refused = await refusedBy(sender(vendor.options()))
    expect(refused.cause).toMatchObject({ vendorCode: 'unrecognised', certainlyNotSent: true })
  })

  it('refuses settings with a missing template or an unknown key, and hides the secret', () => {
    expect(() => vendor.options({ templates: {} })).toThrow()
    expect(() => vendor.options({ acess_key: 'x' })).toThrow()
    expect(() => vendor.options({ endpoint: 'ftp://example.com' })).toThrow()
    expect(`${inspect(vendor.options())} ${JSON.stringify(vendor.options())}`).not.toMatch(/DNTL/)
  })
})
