import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type OwnerMessageLimit, tellOwners } from '../../interactions/owner-deliveries.ts'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { ownerMessages } from '../../src/accounts/owner-messages.ts'
import type { Account, IdentityClaim } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import type { MailMessage } from '../../src/mail/mail-sender.ts'
import type { AuditEvent } from '../../src/ops/audit.ts'
import { limits } from '../../src/ops/limits.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { noTemplate, numberRefused, type SmsMessage, type SmsOutcome, undeliverable } from '../../src/sms/sms-sender.ts'
import { sealer } from '../../src/store/seal.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

const use = { ip: '203.0.113.7', locale: 'en' }
const start = Date.parse('2026-11-20T08:00:00Z')
const kindMax = 3
const dayMax = 8
let now = start
let home: TestDatabase
let directory: AccountDirectory
let sent: (SmsMessage | MailMessage)[] = []
let audited: AuditEvent[] = []
let answers: (() => SmsOutcome)[] = []
let step = 0

const seals = sealer({ keys: [new Secret(randomBytes(32).toString('base64url'))] })
const { queue, open } = ownerMessages({ sealer: seals })

beforeAll(async () => {
  home = await createDatabase()
  directory = new AccountDirectory({ database: home.database, clock: () => now, tell: queue })
})
afterAll(() => home.drop())
beforeEach(async () => {
  await home.database.knex('owner_messages').delete()
  await home.database.knex('ephemeral').delete()
  sent = []
  audited = []
  answers = []
  now = start
})

const waiting = () => home.database.knex('owner_messages').orderBy('event').select()

/** One look of one server at what is due. */
function deliver(atMs = now): Promise<number> {
  const day = (max: number) => ({ windows: [{ max, seconds: 86_400 }] })
  const clock = () => atMs
  return tellOwners({
    database: home.database,
    clock,
    open,
    sms: { send: async (message) => taken(message) },
    mail: { send: async (message) => taken(message) },
    limits: limits<OwnerMessageLimit>({
      store: tableStore({ database: home.database, clock }),
      rules: { 'owner.kind': day(kindMax), 'owner.sms': day(dayMax), 'owner.mail': day(dayMax) },
      mac: (text) => seals.mac('limit', text),
      factors: { ipv4_24: 1, ipv6_56: 1, ipv6_48: 1 },
    }),
    log: { warn: () => {} },
    metrics: createMetrics(),
    audit: { write: async (event) => void audited.push(event) },
    translate: (_, key) => key,
  })
}

function taken(message: SmsMessage | MailMessage): SmsOutcome {
  const outcome = (answers.shift() ?? (() => 'sent' as const))()
  sent.push(message)
  return outcome
}

function claim(provider: string, subject: string): IdentityClaim {
  return { provider, subjects: [subject], profile: {} }
}

async function somebody(): Promise<{ account: Account; phone: string; mail: string }> {
  step += 1
  const [phone, mail] = [`+86138002${10_000 + step}`, `owner${step}@example.com`]
  const account = await directory.register(claim('phone', phone), use, { also: claim('email', mail) })
  return { account, phone, mail }
}

const aVendorIsAway = () => {
  throw undeliverable({ vendorCode: 'http_502', certainlyNotSent: true, level: 'warn' })
}

describe('what is queued', () => {
  test('a way in that is added is told at what was there before, and not at itself', async () => {
    const { account, phone, mail } = await somebody()
    await directory.bind(account.user.id, claim('phone', '+8613800299999'), use)
    await deliver()
    expect(sent.map(({ to, template }) => `${template} ${to}`).sort()).toEqual(
      [`way_added ${phone}`, `way_added ${mail}`].sort(),
    )
    expect(sent.find((each) => 'values' in each)).toMatchObject({
      values: { time: '2026-11-20 16:00', what: '138****9999', until: '' },
    })
    expect(sent.find((each) => 'locale' in each)).toMatchObject({
      locale: 'en',
      happenedAt: new Date(start),
      what: { provider: 'phone', label: '138****9999' },
    })
  })

  test('whoever loses a number is told at that number too', async () => {
    const { account, phone, mail } = await somebody()
    const [first] = account.identities.filter(({ provider }) => provider === 'phone')
    if (!first) throw new Error('no number')
    await directory.unbind(account.user.id, first.id, async () => {})
    await deliver()
    expect(sent.map(({ to, template }) => `${template} ${to}`).sort()).toEqual(
      [`way_removed ${mail}`, `way_removed ${phone}`].sort(),
    )
  })

  test('a change that is undone leaves no message', async () => {
    const { account } = await somebody()
    const [first] = account.identities
    if (!first) throw new Error('no identity')
    const failing = directory.unbind(account.user.id, first.id, async () => {
      throw new Error('the rest of it failed')
    })
    await expect(failing).rejects.toThrow()
    expect(await waiting()).toEqual([])
  })

  test('a way in that somebody else has leaves no message', async () => {
    const [mine, theirs] = [await somebody(), await somebody()]
    const taking = directory.bind(mine.account.user.id, claim('phone', theirs.phone), use)
    await expect(taking).rejects.toMatchObject({ code: 'identity.taken' })
    expect(await waiting()).toEqual([])
  })

  test('numbers and addresses wait sealed, and go when they were told', async () => {
    const { account, phone, mail } = await somebody()
    await directory.bind(account.user.id, claim('github', 'someone'), use)
    const rows = JSON.stringify(await waiting())
    expect(rows).toContain(account.user.id)
    expect(rows).not.toContain(phone)
    expect(rows).not.toContain(mail)
    await deliver()
    expect(await waiting()).toEqual([])
  })

  test('what was never proved is not written to', async () => {
    const { account, mail } = await somebody()
    await home.database.knex('identities').where({ user_id: account.user.id, provider: 'phone' }).update({
      verified_at: null,
    })
    await directory.bind(account.user.id, claim('github', 'another'), use)
    await deliver()
    expect(sent.map(({ to }) => to)).toEqual([mail])
  })

  test('who does not want to hear of new devices is not told, and cannot mute what matters', async () => {
    const { account } = await somebody()
    const { id: userId } = account.user
    await home.database
      .knex('users')
      .where({ id: userId })
      .update({ muted_messages: ['new_device', 'password_changed'] })
    await home.database.knex.transaction(async (transaction) => {
      await queue(transaction, { userId, event: 'new_device', at: new Date(now), what: { label: 'Edge · Windows' } })
      await queue(transaction, { userId, event: 'password_changed', at: new Date(now) })
    })
    expect((await waiting()).map(({ event }) => event)).toEqual(['password_changed', 'password_changed'])
  })
})

describe('what is sent', () => {
  async function tellOfPassword(times = 1): Promise<{ userId: string; phone: string; mail: string }> {
    const { account, phone, mail } = await somebody()
    const { id: userId } = account.user
    for (let time = 0; time < times; time += 1) {
      await home.database.knex.transaction((transaction) =>
        queue(transaction, { userId, event: 'password_changed', at: new Date(now) }),
      )
    }
    return { userId, phone, mail }
  }

  test('a message that failed comes again, and one that may have been sent does not', async () => {
    await tellOfPassword()
    answers = [aVendorIsAway, () => 'unclear']
    await deliver()
    expect(await waiting()).toHaveLength(1)
    await deliver(now + 5000)
    expect(sent).toHaveLength(1)
    await deliver(now + 10_000)
    expect(sent).toHaveLength(2)
    expect(await waiting()).toEqual([])
  })

  test('is given up in the end, and the audit says so without number or address', async () => {
    const { userId, phone, mail } = await tellOfPassword()
    const never = () => {
      throw new AppError('mail.undeliverable')
    }
    answers = Array.from({ length: 20 }, () => never)
    for (const minutes of [0, 1, 5, 30, 200, 1000, 4000, 9000]) await deliver(now + minutes * 60_000)
    expect(await waiting()).toEqual([])
    const untold = { event: 'owner.untold', userId, detail: expect.objectContaining({ about: 'password_changed' }) }
    expect(audited).toEqual([expect.objectContaining(untold), expect.objectContaining(untold)])
    expect(JSON.stringify(audited)).not.toContain(phone)
    expect(JSON.stringify(audited)).not.toContain(mail)
  })

  test('a number that cannot be served is not tried again', async () => {
    await tellOfPassword()
    const refused = () => {
      throw numberRefused('isv.MOBILE_NUMBER_ILLEGAL', undefined)
    }
    answers = [refused, refused]
    await deliver()
    expect(await waiting()).toEqual([])
    expect(audited.map(({ event }) => event)).toEqual(['owner.untold', 'owner.untold'])
  })

  test('an event without a template is left out without a word', async () => {
    await tellOfPassword()
    const none = () => {
      throw undeliverable({ vendorCode: noTemplate, certainlyNotSent: true, level: 'info' })
    }
    answers = [none, none]
    await deliver()
    expect(await waiting()).toEqual([])
    expect(audited).toEqual([])
  })

  test('of several servers one sends each message', async () => {
    await tellOfPassword(2)
    const tried = await Promise.all(Array.from({ length: 6 }, () => deliver()))
    expect(tried.reduce((sum, each) => sum + each, 0)).toBe(4)
    expect(sent).toHaveLength(4)
  })

  test('nobody is buried under messages of one kind, and other kinds still arrive', async () => {
    const { userId, phone } = await tellOfPassword(kindMax + 3)
    await deliver()
    expect(sent.filter(({ to }) => to === phone)).toHaveLength(kindMax)
    expect(await waiting()).toEqual([])
    await home.database.knex.transaction((transaction) =>
      queue(transaction, { userId: userId as never, event: 'login_disowned', at: new Date(now) }),
    )
    await deliver()
    expect(sent.filter(({ to, template }) => to === phone && template === 'login_disowned')).toHaveLength(1)
  })

  test('what is over the day of all is sent another day', async () => {
    for (let person = 0; person < dayMax / 2 + 1; person += 1) await tellOfPassword(2)
    for (let look = 0; look < 5; look += 1) await deliver()
    expect(sent.filter((each) => 'values' in each)).toHaveLength(dayMax)
    expect((await waiting()).map(({ channel }) => channel).sort()).toEqual(['email', 'email', 'sms', 'sms'])
    await deliver(now + 86_400_000)
    expect(sent.filter((each) => 'values' in each)).toHaveLength(dayMax + 2)
  })
})
