import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { createLog, type LogFormat, type LogLevel, logRequest } from '../../src/ops/log.ts'
import { scrub, scrubValue } from '../../src/ops/scrub.ts'
import { leastCpuMs } from '../support/patience.ts'

function written(
  use: (log: ReturnType<typeof createLog>) => void,
  format: LogFormat = 'json',
  level: LogLevel = 'debug',
) {
  const lines: string[] = []
  use(createLog({ level, format, destination: { write: (line: string) => lines.push(line) } }))
  return lines.join('')
}

describe('scrub', () => {
  test.each([
    ['手机13800138000未注册', '手机[phone]未注册'],
    ['to +8613800138000 failed', 'to [phone] failed'],
    ['to 008613800138000 failed', 'to [phone] failed'],
    ['phone=138 0013 8000', 'phone=[phone]'],
    ['138-0013-8000 is busy', '[phone] is busy'],
    ['sms:%2B8613800138000', 'sms:[phone]'],
    ['+442071838750 is abroad', '[phone] is abroad'],
    ['otp: 123456 is wrong', 'otp: [redacted] is wrong'],
    ['your code is 654321.', 'your code is [redacted].'],
    ['验证码为123456', '验证码为[redacted]'],
    ['{\\"code\\":\\"123456\\"}', '{\\"code\\":\\"[redacted]\\"}'],
    ['Authorization: Bearer abc.def-ghi', 'Authorization: Bearer [redacted]'],
    ['client_secret=s3cr3t&grant_type=x', 'client_secret=[redacted]&grant_type=x'],
    ['{"password":"hunter2"}', '{"password":"[redacted]"}'],
    ['secret=abc', 'secret=[redacted]'],
    ['code=Zk3_9fJw0aPq7TtYx1LmNoBv', 'code=[redacted]'],
    ['id eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln done', 'id [token] done'],
    ['GET https://api.example.com/a?Signature=x&PhoneNumbers=1 failed', 'GET https://api.example.com/a failed'],
    ['GET /auth?client_id=web&state=xyz', 'GET /auth'],
    ['https://app.example.com/cb#access_token=abc', 'https://app.example.com/cb'],
    ['connect postgres://menshen:pw@db:5432/menshen', 'connect postgres://[redacted]@db:5432/menshen'],
    ['mail to zhang.san@example.com bounced', 'mail to [email] bounced'],
  ])('%j becomes %j', (before, after) => {
    expect(scrub(before)).toBe(after)
    expect(scrub(after)).toBe(after)
  })

  test.each([
    'request took 1763653000000 ms since 1763653000',
    'usr_7k3m9q2r5t8v1x4z6b0c2d5f8g at node_modules/pino@10.4.0/pino.js:120:13',
    'error 23505 code: 23505 status 400 on 127.0.0.1:5432',
    'is it done? yes',
    '138****8000',
    'trace 4bf92f3577b34da6a3ce929d0e0e4736',
  ])('%j is left alone', (text) => {
    expect(scrub(text)).toBe(text)
  })

  const hostile = [
    ...['1', '86', '13', '138 ', '+1', '+8', '%2B', 'a.', 'a@', '-', '-@-.', '@a.a', 'eyJ', '-eyJaaaaa', '_eyJaaaaaa.'],
    ...['secret', 'secret=', 'code', 'code=', 'otp ', 'Bearer ', '/', '/?', '/a?', '/a?a', 'a/', '?a', ':// ', '://a'],
    ...['https://', 'HTTP://P', '\\n', '\\neyJ', '"', '\n', ' '],
  ]

  test.each(hostile)('four times as much of a message made of %j takes about four times as long', (part) => {
    const of = (length: number) => part.repeat(length / part.length)
    const [short, long] = [4000, 16_000].map((length) => leastCpuMs(() => scrub(of(length)))) as [number, number]
    // Where one stretch is read from many beginnings it is sixteen times. What takes no time at all is measured too roughly.
    expect(long).toBeLessThan(Math.max(10 * short, 0.5))
    expect(long).toBeLessThan(20)
  })

  test('a log line and an error keep the begin of what a stranger sent, and are made in no time', () => {
    const origin = `HTTP://P${'HTTP://P'.repeat(2000)}`
    const line = JSON.parse(written((log) => log.info({ detail: origin }, 'token request refused')))
    expect(line.detail.length).toBeLessThan(220)
    const error = new Error(origin, { cause: new Error(`${'\n at'.repeat(8000)}`) })
    const { err } = JSON.parse(written((log) => log.error({ err: error }, 'failed')))
    expect(err.message.length).toBeLessThan(1100)
    expect(err.cause.stack.length).toBeLessThan(4100)
    expect(leastCpuMs(() => written((log) => log.info({ detail: origin }, 'x')))).toBeLessThan(5)
  })

  test('members whose name says secret are hidden whatever they hold', () => {
    const before = {
      otp: '12',
      phone: 'x',
      client_secret: 's',
      nested: [{ refresh_token: 't' }],
      key: new Secret('k'),
      ok: true,
    }
    expect(scrubValue(before)).toEqual({
      otp: '[redacted]',
      phone: '[redacted]',
      client_secret: '[redacted]',
      nested: [{ refresh_token: '[redacted]' }],
      key: '[redacted]',
      ok: true,
    })
  })

  test('an error code stays although its name is that of an authorization code', () => {
    const brought = {
      upstream_code: 'a',
      phone_code: 'b',
      js_code: 'c',
      raw_nonce: 'd',
      session_key: 'e',
      carrier_token: 'f',
    }
    expect(new Set(Object.values(Object(scrubValue(brought))))).toEqual(new Set(['[redacted]']))
    expect(scrubValue({ vendor_code: '40029' })).toEqual({ vendor_code: '40029' })
    expect(scrubValue({ code: 'otp.wrong' })).toEqual({ code: 'otp.wrong' })
    expect(scrubValue({ code: 'Zk3-9fJw0' })).toEqual({ code: '[redacted]' })
  })
})

describe('the log', () => {
  test('a planted canary appears on no path into a line', () => {
    const cause = new Error('POST https://sms.example.com/?PhoneNumbers=13800138000 otp 123456')
    const output = written((log) => {
      log.info('sent to +8613800138000')
      log.info({ phone: '+8613800138000', raw: 13800138000 }, 'sent')
      log.child({ to: '13800138000' }).warn('child')
      log.error(new Error('for 13800138000', { cause }))
      log.error({ err: new AppError('sms.undeliverable', { cause }) }, 'sms')
      log.info({ note: 'a\n13800138000\tb' }, 'escaped')
      log.info('%s logs in', '13800138000')
      log.info({ key: new Secret('canary-secret'), text: 'password=canary-secret' })
    })
    expect(output).not.toMatch(/13800138000|123456|canary-secret|PhoneNumbers/)
    expect(output.trim().split('\n')).toHaveLength(8)
    for (const line of output.trim().split('\n')) JSON.parse(line)
  })

  test('every line is one JSON object whatever is logged', () => {
    const values = fc.jsonValue()
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), values, (text, value) => {
        const lines = written((log) => log.info({ value, otp: '123456' }, `${text} 13800138000`)).split('\n')
        expect(lines).toHaveLength(2)
        expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'info', otp: '[redacted]' })
      }),
      { seed: 7, numRuns: 200 },
    )
  })

  test('an error thrown on purpose has its code and its causes, and the bug below it has a stack', () => {
    const output = written((log) =>
      log.error({ err: new AppError('server.unexpected', { cause: new TypeError('x of undefined') }) }),
    )
    const { err } = JSON.parse(output)
    expect(err).toMatchObject({
      type: 'AppError',
      code: 'server.unexpected',
      cause: { type: 'TypeError', message: 'x of undefined' },
    })
    expect(err.stack).toBeUndefined()
    expect(err.cause.stack).toContain('log.test.ts')
  })

  test('a chain of causes that bites its own tail ends', () => {
    const first = new Error('first')
    first.cause = new Error('second', { cause: first })
    expect(() => written((log) => log.error({ err: first }))).not.toThrow()
  })

  test('a request line has the route, a masked address and no query', () => {
    const output = written((log) =>
      logRequest(log, {
        requestId: 'req_1',
        method: 'GET',
        route: '/auth',
        status: 303,
        durationMs: 4.2612,
        ip: '203.0.113.77',
        clientId: 'web',
      }),
    )
    const { time, ...line } = JSON.parse(output)
    expect(line).toEqual({
      level: 'info',
      request_id: 'req_1',
      method: 'GET',
      route: '/auth',
      status: 303,
      duration_ms: 4.3,
      ip: '203.0.113.0',
      client_id: 'web',
      msg: 'request',
    })
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT/)
  })

  test.each([
    ['readyz', 503, 'warn'],
    ['readyz_logins', 503, 'warn'],
    ['readyz', 500, 'error'],
    ['token', 503, 'error'],
    ['readyz', 200, 'info'],
  ] as const)('a request of %s that was answered %i is a line of level %s', (route, status, level) => {
    const fields = { requestId: 'req_1', method: 'GET', route, status, durationMs: 1, ip: '203.0.113.77' }
    expect(JSON.parse(written((log) => logRequest(log, fields))).level).toBe(level)
  })

  test('a request line tells nothing by a client id, and lines after one that could not be written are scrubbed again', () => {
    const line = { requestId: 'req_1', method: 'GET', route: '/auth', status: 200, durationMs: 4, ip: '203.0.113.77' }
    const output = written((log) => logRequest(log, { ...line, clientId: '13800138000' }))
    expect(JSON.parse(output)['client_id']).toBe('[phone]')
    const lines: string[] = []
    const destination = {
      write(text: string) {
        if (text.includes('req_1')) throw new Error('the disk is full')
        lines.push(text)
      },
    }
    const log = createLog({ level: 'info', format: 'json', destination })
    expect(() => logRequest(log, { ...line, clientId: 'web' })).toThrow('the disk is full')
    log.info({ note: '13800138000' })
    expect(lines.join('')).not.toContain('13800138000')
  })

  test('the line for a terminal shows Chinese as it is, and no control character of a value', () => {
    const output = written((log) => log.warn({ name: '门神 👍', evil: 'a\u001b[2Jb\nc' }, '启动了'), 'pretty')
    expect(output).toContain('启动了')
    expect(output).toContain('门神 👍')
    expect(output).not.toContain('\u001b[2J')
    expect(output.split('\n')).toHaveLength(2)
  })

  test('the line for a terminal lists the causes of an error below it', () => {
    const output = written(
      (log) => log.error({ err: new AppError('server.unavailable', { cause: new Error('socket closed') }) }, 'away'),
      'pretty',
    )
    expect(output).toContain('AppError: server.unavailable')
    expect(output).toContain('Error: socket closed')
  })

  test('a line costs less than 25 µs', () => {
    const log = createLog({ level: 'info', format: 'json', destination: { write: () => {} } })
    const line = {
      requestId: 'req_1',
      method: 'GET',
      route: '/auth',
      status: 303,
      durationMs: 4.2,
      ip: '203.0.113.77',
      clientId: 'web',
    }
    const lines = () => {
      for (let count = 0; count < 2000; count++) logRequest(log, line)
    }
    // It is a few microseconds; only a line that is taken apart and put together again would come near this.
    expect((leastCpuMs(lines, 8) * 1000) / 2000).toBeLessThan(25)
  })
})
