import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { type OwnData, ownData } from '../../src/own-data/own-data.ts'
import { fetchArchive, formToken, noticesTo, signedIn } from '../support/account.ts'
import { ownerOf } from '../support/aged.ts'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { eventually } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { unzip } from '../support/unzip.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Everybody may take along what is kept about them.

let world: World
let numbers = 13600237000
const day = 86_400_000

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: clients as never, resources })
})
afterEach(resetClock)
afterAll(() => world?.close())

const knex = () => world.database.database.knex
const audited = async (userId: UserId, event: string) =>
  knex()('audit_events').where({ user_id: userId, event }).select('detail', 'ip')

interface Person {
  readonly visitor: Visitor
  readonly phone: string
  readonly userId: UserId
}

async function person(): Promise<Person> {
  const phone = String(++numbers)
  const visitor = await signedIn(world, redirectUri, phone)
  const userId = await ownerOf(world, `+86${phone}`)
  if (!userId) throw new Error('nobody was made')
  return { visitor, phone, userId }
}

async function ask({ visitor }: Pick<Person, 'visitor'>) {
  const page = await visitor.get('/account/data')
  return visitor.follow(await visitor.post('/account/data', { form_token: formToken(page) }))
}

/** Waits until a server has made the archive. */
async function ready({ visitor }: Pick<Person, 'visitor'>): Promise<string> {
  return eventually(async () => {
    const page = await visitor.get('/account/data')
    if (!page.text.includes('/account/data/archive')) throw new Error('not ready yet')
    return formToken(page)
  })
}

const fetched = ({ visitor }: Pick<Person, 'visitor'>, form_token: string) => fetchArchive(world, visitor, form_token)

async function archiveOf(someone: Person): Promise<ReadonlyMap<string, Buffer>> {
  await ask(someone)
  const { bytes } = await fetched(someone, await ready(someone))
  return unzip(bytes)
}

const dataIn = (files: ReadonlyMap<string, Buffer>): OwnData =>
  ownData.parse(JSON.parse(files.get('data.json')?.toString() ?? ''))

describe('an archive', () => {
  test('is asked for, made by the server, and handed over as a file', async () => {
    const someone = await person()
    const asked = await ask(someone)
    expect(asked.status).toBe(200)
    const { response, bytes } = await fetched(someone, await ready(someone))
    expect(response.headers.get('content-type')).toBe('application/zip')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="menshen-[\d-]+\.zip"$/)
    expect([...unzip(bytes).keys()]).toEqual([
      ...['index.html', 'data.json', 'data.schema.json', 'profile.csv', 'identities.csv', 'agreements.csv'],
      ...['apps.csv', 'sessions.csv', 'logins.csv', 'events.csv'],
    ])
    for (const event of ['export.requested', 'export.made', 'export.fetched']) {
      expect(await audited(someone.userId, event)).toHaveLength(1)
    }
  })

  test('has what is kept, whole, in the words of its schema and of its owner', async () => {
    const someone = await person()
    await world.app.core.directory.rename(someone.userId, '林小雨')
    const files = await archiveOf(someone)
    const data = dataIn(files)
    expect(data.profile).toMatchObject({ id: someone.userId, nickname: '林小雨', status: 'active' })
    expect(data.identities).toMatchObject([{ provider: 'phone', subjects: [`+86${someone.phone}`] }])
    expect(data.sessions).toMatchObject([{ kind: 'browser' }])
    expect(data.logins).toMatchObject([{ method: 'sms', client_id: 'plain' }])
    expect(data.agreements.map(({ document }) => document).sort()).toEqual(['privacy', 'terms'])
    expect(data.events.map(({ event }) => event)).toContain('user.registered')
    const html = files.get('index.html')?.toString() ?? ''
    for (const shown of ['林小雨', `+86${someone.phone}`, '登录方式', 'lang="zh-CN"']) expect(html).toContain(shown)
    expect(files.get('identities.csv')?.toString()).toContain(`+86${someone.phone}`)
    const published = await fetch(`${world.issuer}/personal-information/schema.json`)
    expect(await published.json()).toEqual(JSON.parse(files.get('data.schema.json')?.toString() ?? ''))
    expect(data.$schema).toBe(`${world.issuer}/personal-information/schema.json`)
  })

  test('holds no hash, no secret, and nothing of others', async () => {
    const someone = await person()
    const other = await person()
    await knex()('passwords').insert({ user_id: someone.userId, hash: '$argon2id$canary', updated_at: new Date(0) })
    await knex()('identities').where({ user_id: someone.userId }).update({ upstream_credential: 'canary.sealed' })
    const about = { user_id: someone.userId, identity_provider: 'phone' }
    const others = { from: other.userId, to: other.userId, operator: 'alice', evidence: 'canary' }
    for (const event of ['identity.freed', 'identity.moved', 'user.locked', 'token.reused']) {
      const detail = JSON.stringify({ ...others, reason: 'told' })
      await knex()('audit_events').insert({ ...about, event, at: new Date(), ip: '198.51.100.77', detail })
    }
    const files = await archiveOf(someone)
    const all = [...files.values()].map(String).join('\n')
    for (const secret of ['canary', other.userId, other.phone, 'alice', '198.51.100.77', '$argon2']) {
      expect(all).not.toContain(secret)
    }
    expect(dataIn(files).events.find(({ event }) => event === 'identity.freed')).toMatchObject({ reason: 'told' })
  })

  test('runs no formula in a spreadsheet', async () => {
    const someone = await person()
    await world.app.core.directory.rename(someone.userId, '=HYPERLINK("x")')
    const profile = (await archiveOf(someone)).get('profile.csv')?.toString() ?? ''
    expect(profile).toContain(`"'=HYPERLINK(""x"")"`)
    expect(profile.charCodeAt(0)).toBe(0xfeff)
  })

  test('lies sealed in the database, goes after seven days, and with its owner', async () => {
    const [someone, gone] = [await person(), await person()]
    await archiveOf(someone)
    await archiveOf(gone)
    const [row] = await knex()('data_exports').where({ user_id: someone.userId })
    expect(row.archive).not.toContain('UEsDB')
    expect(row.expires_at.getTime() - row.made_at.getTime()).toBe(7 * day)
    await world.app.core.directory.setStatus(gone.userId, 'deleted')
    expect(await knex()('data_exports').where({ user_id: gone.userId })).toEqual([])
    walkTo(7 * day + 1000)
    const visitor = await signedIn(world, redirectUri, someone.phone)
    expect((await visitor.get('/account/data')).text).not.toContain('/account/data/archive')
    await world.app.core.sweep()
    expect(await knex()('data_exports').where({ user_id: someone.userId })).toEqual([])
  })
})

describe('who asks', () => {
  test('must have logged in just now, to ask and to fetch', async () => {
    const someone = await person()
    await ask(someone)
    const token = await ready(someone)
    walkTo(11 * 60_000)
    expect((await someone.visitor.get('/account/data')).location).toContain('/auth?')
    const { response } = await fetched(someone, token)
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toContain('/auth?')
    expect(await audited(someone.userId, 'export.fetched')).toEqual([])
  })

  test('must send the form of their own session', async () => {
    const [someone, other] = [await person(), await person()]
    await ask(someone)
    await ready(someone)
    const { response } = await fetched(someone, formToken(await other.visitor.get('/account/data')))
    expect(response.status).toBe(403)
  })

  test('twice at once waits for one archive, and three a day is the most', async () => {
    const someone = await person()
    const form_token = formToken(await someone.visitor.get('/account/data'))
    const both = await Promise.all([1, 2].map(() => someone.visitor.post('/account/data', { form_token })))
    expect(both.map(({ status }) => status)).toEqual([303, 303])
    await ready(someone)
    expect(await audited(someone.userId, 'export.made')).toHaveLength(1)
    for (let more = 0; more < 3; more++) {
      await ask(someone)
      await ready(someone)
    }
    expect((await ask(someone)).status).toBe(429)
  })
})

describe('the making', () => {
  test('is done once by two servers, and by another one when the first has died', async () => {
    const other = await openWorld({ stores: 'tables', beside: world })
    try {
      const people = [await person(), await person(), await person()]
      await Promise.all(people.map(ask))
      await Promise.all(people.map(ready))
      for (const { userId } of people) expect(await made(userId)).toEqual({ archives: 1, rows: 1, told: 1 })

      // One is slow for more than its minute, and another one goes on in the meantime.
      const someone = await person()
      await knex().transaction(async (transaction) => {
        await transaction.raw('lock table known_devices in access exclusive mode')
        await requested(someone, 0)
        await eventually(async () => expect(await making()).toHaveLength(1))
        walkTo(61_000)
        await eventually(async () => expect(await making()).toHaveLength(2))
      })
      await eventually(async () => expect(await making()).toHaveLength(0))
      resetClock()
      await ready(someone)
      expect(await made(someone.userId)).toEqual({ archives: 1, rows: 1, told: 1 })
    } finally {
      await other.close()
    }
    const dead = await person()
    await requested(dead, 60)
    expect((await dead.visitor.get('/account/data')).text).not.toContain('/account/data/archive')
    walkTo(61_000)
    await ready(dead)
    expect(await made(dead.userId)).toEqual({ archives: 1, rows: 1, told: 1 })
  })

  /** Asked for, and taken by somebody for so many seconds. */
  async function requested({ userId }: Person, leaseSeconds: number): Promise<void> {
    const at = new Date(Date.now())
    const taken = { user_id: userId, locale: 'en', requested_at: at, attempts: Math.sign(leaseSeconds) }
    await knex()('data_export_requests').insert({ ...taken, due_at: new Date(at.getTime() + leaseSeconds * 1000) })
  }

  const making = () =>
    knex()('pg_stat_activity').whereRaw(
      `datname = current_database() and wait_event_type = 'Lock' and query ~ 'from "known_devices'`,
    )

  /** How often an archive was made, how many there are, and how often its owner was told. */
  async function made(userId: UserId) {
    const rows = await knex()('data_exports').where({ user_id: userId })
    const phone = (await world.app.core.directory.find(userId))?.identities[0]?.subjects[0] ?? ''
    const waiting = await knex()('owner_messages').where({ user_id: userId, event: 'export_ready' })
    const sent = (await noticesTo(world, phone)).filter((template) => template === 'export_ready')
    const archives = (await audited(userId, 'export.made')).length
    return { archives, rows: rows.length, told: waiting.length + sent.length }
  }
})

describe('the page of what is collected', () => {
  test('is there for everybody, follows the settings, and names apps of others', async () => {
    const page = await world.visitor().get('/personal-information')
    expect(page.status).toBe(200)
    for (const shown of ['个人信息收集与共享清单', '手机号', '第三方应用', '184 天']) expect(page.text).toContain(shown)
    expect(page.text).not.toContain('Example Web')
    expect(page.text).not.toContain('用于发送短信')
    const sender = [
      { type: 'aliyun', access_key_id: 'id', access_key_secret: 'secret', sign_name: '茶铺', templates: {} },
    ]
    const env = { MENSHEN_SMS__SENDERS: JSON.stringify(sender), MENSHEN_LOGIN__METHODS: '[sms]' }
    const other = await openWorld({ stores: 'tables', beside: world, env }).catch(() => undefined)
    if (!other) return
    try {
      const { text } = await other.visitor().get('/personal-information')
      expect(text).toContain('用于发送短信')
      expect(text).not.toContain('用户名和密码')
    } finally {
      await other.close()
    }
  })

  test('stands in the account centre and beside the documents at the bottom of every page', async () => {
    const { visitor } = await person()
    expect((await visitor.get('/account')).text).toContain('href="/personal-information"')
    expect((await visitor.get('/account')).text).toContain('href="/account/data"')
    const login = world.visitor()
    const { text } = await login.follow(await login.get('/account'))
    expect(text).toContain('href="/personal-information"')
  })
})

describe('`users export`', () => {
  test('writes the same archive into a file of its owner, once, with a line in the audit', async () => {
    const someone = await person()
    const cwd = world.env['MENSHEN_DATA_DIR'] ?? ''
    const run = (...argv: string[]) => runCommand(argv, { env: { ...world.env, SUDO_USER: 'alice' }, cwd })
    const { status, stdout } = await run('users', 'export', someone.userId)
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${join(cwd, `${someone.userId}.zip`)}\n` })
    const path = stdout.trim()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(dataIn(unzip(await readFile(path))).profile.id).toBe(someone.userId)
    expect((await run('users', 'export', someone.userId)).status).toBe(1)
    const printed = await run('users', 'export', someone.userId, '--json')
    expect(ownData.parse(JSON.parse(printed.stdout)).identities[0]?.subjects).toEqual([`+86${someone.phone}`])
    expect(await audited(someone.userId, 'export.fetched')).toMatchObject([
      { detail: { operator: 'alice' } },
      { detail: { operator: 'alice' } },
    ])
  })
})
