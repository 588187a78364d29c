import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { outbox, specialNumbers } from '../../sandbox/outbox.ts'
import { AppError } from '../../src/base/errors.ts'
import { httpClient } from '../../src/base/http.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'
import { consoleSms } from '../../src/sms/console.ts'
import { failoverSms } from '../../src/sms/failover.ts'
import type { SmsSender, SmsVendor } from '../../src/sms/sms-sender.ts'
import { buildSmsSender } from '../../src/sms/sms-senders.ts'
import { message } from './sms-vendors.ts'

const http = httpClient({ timeoutMs: 1000 })
const clock = () => Date.parse('2026-01-01T00:00:00Z')
const log = { info() {}, warn() {}, error() {} }

async function refusedBy(sender: SmsSender, to: string = message.to): Promise<AppError> {
  const thrown: unknown = await sender.send({ ...message, to: to as PhoneNumber }).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  return thrown as AppError
}

describe('the sandbox sender', () => {
  let dataDir: string

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'menshen-outbox-'))
  })

  afterEach(() => rm(dataDir, { recursive: true }))

  it('delivers the code to the number', async () => {
    const box = outbox({ dataDir, clock })
    await box.smsSender().send(message)
    expect(await box.list()).toMatchObject([{ to: '+8613900001234', otp: '739251' }])
  })

  it('turns a frequency limit into a pause', async () => {
    const sender = outbox({ dataDir, clock }).smsSender()
    const refused = await refusedBy(sender, specialNumbers.rateLimited)
    expect(refused).toMatchObject({ code: 'otp.too_soon', params: { retryAfterSeconds: 60 } })
  })

  it('delivers a code although its answer is lost', async () => {
    const box = outbox({ dataDir, clock })
    const to = specialNumbers.answerLost as PhoneNumber
    expect(await box.smsSender().send({ ...message, to })).toBe('unclear')
    expect(await box.list()).toMatchObject([{ to, otp: '739251' }])
  })
})

describe('the console sender', () => {
  it('prints the code in a box, and only enough of the number to recognise it', async () => {
    const printed: string[] = []
    await consoleSms({ stream: { write: (text: string) => printed.push(text) } }).send(message)
    expect(printed.join('')).toMatch(/^┌─+┐\n│ SMS to 139\*{4}1234 {2}login_code │\n│ 739251 .*5 min +│\n└─+┘\n$/)
    expect(
      new Set(
        printed
          .join('')
          .trim()
          .split('\n')
          .map(({ length }) => length),
      ).size,
    ).toBe(1)
  })
})

describe('a sender with no vendor', () => {
  it('fails as undeliverable', async () => {
    const sender = buildSmsSender([], { http, metadata: http, clock, countries: ['86'], log })
    expect((await refusedBy(sender)).code).toBe('sms.undeliverable')
  })
})

describe('a fault of our own in a sender', () => {
  it('is neither hidden nor answered by another vendor', async () => {
    const bug = new TypeError('a bug')
    const asked: string[] = []
    const askNothing = () => Promise.reject(bug)
    const broken: SmsVendor = { serves: () => true, askNothing, send: () => Promise.reject(bug) }
    const next: SmsVendor = { serves: () => true, askNothing, send: async () => void asked.push('next') }
    const sender = failoverSms(
      [
        { name: 'broken', vendor: broken },
        { name: 'next', vendor: next },
      ],
      { log },
    )
    await expect(sender.send(message)).rejects.toBe(bug)
    expect(asked).toEqual([])
  })
})
