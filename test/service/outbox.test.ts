import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { outbox, specialNumbers } from '../../sandbox/outbox.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
let now = start
let dataDir: string
const open = () => outbox({ dataDir, clock: () => now })
const sms = (to: string, otp = '123456') =>
  ({ to: to as PhoneNumber, template: 'login_code', otp, ttlMinutes: 5 }) as const

beforeEach(async () => {
  now = start
  dataDir = join(await mkdtemp(join(tmpdir(), 'menshen-outbox-')), 'data')
})

afterEach(() => rm(join(dataDir, '..'), { recursive: true }))

describe('the sandbox outbox', () => {
  it('is empty before anything was sent', async () => {
    expect(await open().list()).toEqual([])
  })

  it('lists SMS and e-mails newest first, in the published fields only', async () => {
    const box = open()
    await box.smsSender().send(sms('+8613800138000'))
    now += 1000
    const mail = { to: 'li@example.com', template: 'reset_code', otp: '654321', ttlMinutes: 5, locale: 'en' } as const
    await box.mailSender().send(mail)
    expect(await box.list()).toEqual([
      {
        to: 'li@example.com',
        channel: 'email',
        template: 'reset_code',
        otp: '654321',
        at: '2026-01-01T00:00:01.000Z',
      },
      { to: '+8613800138000', channel: 'sms', template: 'login_code', otp: '123456', at: '2026-01-01T00:00:00.000Z' },
    ])
  })

  it('filters by receiver', async () => {
    const box = open()
    await box.smsSender().send(sms('+8613800138000'))
    await box.smsSender().send(sms('+8613800138001'))
    expect(await box.list({ to: '+8613800138000' })).toMatchObject([{ to: '+8613800138000' }])
    expect(await box.list({ to: '+86138001380' })).toEqual([])
  })

  it('survives a restart, and its file is for its owner only', async () => {
    await open().smsSender().send(sms('+8613800138000'))
    expect(await open().list()).toHaveLength(1)
    expect((await stat(join(dataDir, 'outbox.jsonl'))).mode & 0o777).toBe(0o600)
  })

  it('lists the newest 200, however many there are', async () => {
    const sender = open().smsSender()
    for (let serial = 100_000; serial < 100_205; serial += 1) await sender.send(sms('+8613800138000', String(serial)))
    const listed = await open().list()
    expect([listed.length, listed.at(0)?.otp, listed.at(-1)?.otp]).toEqual([200, '100204', '100005'])
  })

  it('reads only the end of a long file, and passes over torn lines', async () => {
    const box = open()
    await box.smsSender().send(sms('+8613800138000', '111111'))
    await appendFile(join(dataDir, 'outbox.jsonl'), `${'号'.repeat(300_000)}\n{"to":"+86\n`)
    await box.smsSender().send(sms('+8613800138000', '222222'))
    expect((await box.list()).map(({ otp }) => otp)).toEqual(['222222'])
  })

  it('loses nothing when two processes write at once', async () => {
    const script = `
      import { outbox } from ${JSON.stringify(new URL('../../sandbox/outbox.ts', import.meta.url).href)}
      const sender = outbox({ dataDir: process.argv[1], clock: () => ${start} }).smsSender()
      const sends = Array.from({ length: 50 }, (_, i) => sender.send({ to: process.argv[2], template: 'login_code', otp: String(100000 + i), ttlMinutes: 5 }))
      await Promise.all(sends)`
    const run = (to: string) =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, dataDir, to])
    await Promise.all([run('+8613800138000'), run('+8613800138001')])
    for (const to of ['+8613800138000', '+8613800138001']) {
      expect(new Set((await open().list({ to })).map(({ otp }) => otp)).size).toBe(50)
    }
  })

  it('refuses to send to the rate-limited number', async () => {
    const sending = open().smsSender().send(sms(specialNumbers.rateLimited))
    await expect(sending).rejects.toMatchObject({ code: 'otp.too_soon', params: { retryAfterSeconds: 60 } })
    expect(await open().list()).toEqual([])
  })

  it('never delivers to the unreachable number, and does not say so', async () => {
    await open().smsSender().send(sms('+8613800000002'))
    expect(await open().list()).toEqual([])
  })

  it('delivers to the late number after 20 s', async () => {
    await open().smsSender().send(sms('+8613800000003'))
    now += 19_999
    expect(await open().list()).toEqual([])
    now += 1
    expect(await open().list()).toEqual([
      { to: '+8613800000003', channel: 'sms', template: 'login_code', otp: '123456', at: '2026-01-01T00:00:00.000Z' },
    ])
  })
})
