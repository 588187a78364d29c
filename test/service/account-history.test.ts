import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GithubSimulator, startGithub } from '../../sandbox/simulators/github.ts'
import type { UserId } from '../../src/base/ids.ts'
import { bindThrough, formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { loginThrough } from '../support/upstream.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'
import { xdb } from '../support/xdb.ts'

const dayMs = 86_400_000
const password = 'ripe tea from 4 mountains'
const secret = 'github-app-secret'
const edge = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0 Safari/537.36 Edg/130.0'
const history = '/account/history'

let world: World
let github: GithubSimulator
let folder: string
let numbers = 13500135000

beforeAll(async () => {
  const port = await freePort()
  folder = await mkdtemp(join(tmpdir(), 'menshen-places-'))
  await writeFile(
    join(folder, 'v4.xdb'),
    xdb(4, [
      { from: '127.0.0.0', to: '127.0.255.255', line: '中国|四川省|成都市|电信|CN' },
      { from: '203.0.113.0', to: '203.0.113.255', line: 'Japan|Tokyo|Tokyo|NTT|JP' },
    ]),
  )
  github = await startGithub({
    clock: () => Date.now(),
    apps: [{ clientId: 'ours', secret, redirectUris: [`http://localhost:${port}/callback/github`] }],
    people: [{ id: 1001, login: 'lin', name: '林', publicEmail: null, emails: [] }],
  })
  const app = `client_id: ours, client_secret: ${secret}, web_url: ${github.url}, api_url: ${github.url}`
  const env = {
    MENSHEN_CONNECTIONS: `[{ type: github, ${app} }]`,
    MENSHEN_OPS__IP_PLACES_FILE: join(folder, 'v4.xdb'),
  }
  world = await openWorld({ stores: 'tables', port, env })
  await world.register({ clients: [...clients, ...nativeClients], resources })
})
afterEach(resetClock)
afterAll(async () => {
  await world.close()
  await github.close()
  await rm(folder, { recursive: true })
})

const newPhone = () => String(++numbers)
const audit = () => world.database.database.knex('audit_events')
const start = () => startLogin(world, 'plain', redirectUri)

/** What each row of a page says. */
function rowsOf({ text }: Answer): string[] {
  const [, list = ''] = /<ul class="rows">(.*?)<\/ul>/s.exec(text) ?? []
  return list
    .split('<li>')
    .slice(1)
    .map((row) =>
      row
        .replace(/<span class="visually-hidden">.*?<\/span>/gs, '')
        .replace(/<[^>]*>/g, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
}

async function idOf(visitor: Visitor): Promise<UserId> {
  const back = await visitor.follow(await visitor.get(start()))
  return subjectOf(await exchange(world, 'plain', redirectUri, back.location))
}

/** A login of the past, as the audit has it. */
const pastLogin = (user_id: UserId, at: number, more: object = {}) =>
  audit().insert({ user_id, at: new Date(at), event: 'login.succeeded', detail: { method: 'sms' }, ...more })

describe('the history of logins', () => {
  test('shows every login as it was made: how, on what, in which app, where', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const page = await visitor.follow(await visitor.get(start(), { 'user-agent': edge }))
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    const otp = await world.otp(`+86${phone}`)
    await visitor.follow(await visitor.post(page.url, { method: 'sms', otp }, { 'user-agent': edge }))
    await bindThrough(visitor, 'github', (upstream) => github.authorize(1001, upstream))
    const form_token = formToken(await visitor.get('/account/password'))
    await visitor.post('/account/password', { form_token, new_password: password })

    await loginByPassword(world.visitor(), start(), phone, password)
    await loginThrough(world.visitor(), start(), 'github', (upstream) => github.authorize(1001, upstream))
    const app = new NativeApp(world)
    const tokens = await app.exchange(await nativeSms(world, app, phone, { device_name: '小雨的手机' }))
    await app.refresh(tokens)
    const forgetful = world.visitor()
    const reset = await reachLogin(forgetful, start())
    const otpOfReset = await world.otpAfter(`+86${phone}`, () =>
      forgetful.post(reset.url, { method: 'reset', identifier: phone, agreement: 'on' }),
    )
    await forgetful.post(reset.url, { method: 'reset', otp: otpOfReset })
    const renewed = { method: 'reset', new_password: 'green tea from 9 valleys' }
    await forgetful.follow(await forgetful.post(reset.url, renewed))

    const rows = rowsOf(await forgetful.get(history))
    const time = String.raw`\d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d · 四川`
    expect(rows).toEqual([
      expect.stringMatching(new RegExp(`^Plain App 本机 ${time} 重置密码 · IP 127.0.0.\\*$`)),
      expect.stringMatching(new RegExp(`^小雨的手机 不是我 ${time} 短信验证码 · 茶铺 · IP 127.0.0.\\*$`)),
      expect.stringMatching(new RegExp(`^Plain App 不是我 ${time} GitHub · IP 127.0.0.\\*$`)),
      expect.stringMatching(new RegExp(`^Plain App 不是我 ${time} 密码 · IP 127.0.0.\\*$`)),
      expect.stringMatching(new RegExp(`^Edge · Windows 不是我 ${time} 短信验证码 · Plain App · IP 127.0.0.\\*$`)),
    ])
  })

  test('shows nobody else’s logins, no whole address, and what was tried in vain is no login', async () => {
    const [mine, theirs] = [newPhone(), newPhone()]
    const visitor = await signedIn(world, redirectUri, mine)
    await signedIn(world, redirectUri, theirs)
    await loginByPassword(world.visitor(), start(), mine, 'wrong')
    await pastLogin(await idOf(visitor), Date.now() - dayMs, { ip: '203.0.113.77', detail: { method: 'sms' } })
    const page = await visitor.get(history)
    expect(rowsOf(page)).toHaveLength(2)
    expect(rowsOf(page)[1]).toMatch(/日本 短信验证码 · IP 203\.0\.113\.\*$/)
    expect(page.text).not.toMatch(/127\.0\.0\.1|203\.0\.113\.77/)
    const english = await visitor.get(history, { 'accept-language': 'en' })
    expect(english.text).toMatch(/Sichuan[\s\S]*Japan/)
  })

  test('goes back half a year', async () => {
    const visitor = await signedIn(world, redirectUri, newPhone())
    const id = await idOf(visitor)
    const now = Date.now()
    await pastLogin(id, now - 185 * dayMs)
    await pastLogin(id, now - 183 * dayMs)
    const page = await visitor.get(history)
    expect(page.text).toContain('最近六个月')
    expect(rowsOf(page)).toHaveLength(2)
  })

  test('is read a page at a time, and no login is shown twice or left out when others come meanwhile', async () => {
    const visitor = await signedIn(world, redirectUri, newPhone())
    const id = await idOf(visitor)
    const now = Date.now()
    // Some at one moment, so that their numbers alone tell them apart.
    const at = (index: number) => now - dayMs - Math.floor(index / 7) * 1000
    for (let index = 0; index < 44; index++) {
      await pastLogin(id, at(index), { detail: { method: 'sms', device: `device ${index}` } })
    }
    const seen: string[] = []
    let page = await visitor.get(history)
    expect(page.text).not.toContain('最新的记录')
    for (;;) {
      seen.push(...rowsOf(page))
      const [, older] = /class="plain" href="([^"]*after=[^"]*)"/.exec(page.text) ?? []
      if (older === undefined) break
      await pastLogin(id, Date.now(), { detail: { method: 'sms', device: 'meanwhile' } })
      page = await visitor.get(older.replaceAll('&#38;', '&'))
      expect(page.text).toContain('最新的记录')
    }
    const named = seen.flatMap((row) => /device \d+/.exec(row) ?? [])
    expect(seen).toHaveLength(45)
    expect(new Set(named).size).toBe(44)
    expect(rowsOf(await visitor.get(history))).toHaveLength(20)
  })

  test.each(['', '0-0', '-', '1e9-1', "1-1' or true", '9'.repeat(40), `${'9'.repeat(13)}-${'9'.repeat(18)}`])(
    'begins at the newest login, or ends, where the place in it is %j',
    async (after) => {
      const visitor = await signedIn(world, redirectUri, newPhone())
      const page = await visitor.get(`${history}?after=${encodeURIComponent(after)}`)
      expect(page.status).toBe(200)
      expect(rowsOf(page).length).toBeLessThanOrEqual(1)
    },
  )

  test('is found by an index, however much the audit has', async () => {
    const visitor = await signedIn(world, redirectUri, newPhone())
    const id = await idOf(visitor)
    const { knex } = world.database.database
    await knex.raw(`insert into audit_events (at, event, user_id)
      select now() - n * interval '1 minute', 'session.ended', 'usr_' || (n % 500) from generate_series(1, 20000) n`)
    await knex.raw('analyze audit_events')
    const { rows } = await knex.raw<{ rows: readonly Record<string, string>[] }>(
      `explain select * from audit_events where user_id = ? and event = 'login.succeeded' and at > now() - interval '184 days'
       order by at desc, id desc limit 21`,
      [id],
    )
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/audit_events_user_id_at_idx/)
  })

  test('goes back as far as the audit is kept, and says so', async () => {
    const other = await openWorld({ stores: 'tables', beside: world, env: { MENSHEN_OPS__AUDIT_RETENTION: '30d' } })
    try {
      const visitor = await signedIn(world, redirectUri, newPhone())
      const id = await idOf(visitor)
      await pastLogin(id, Date.now() - 31 * dayMs)
      const there = await visitor.through(other.port).get(history)
      expect(there.text).toContain('最近 30 天')
      expect(rowsOf(there)).toHaveLength(1)
      expect(rowsOf(await visitor.get(history))).toHaveLength(2)
    } finally {
      await other.close()
    }
  })

  test('is there for somebody with no login of that time', async () => {
    const phone = newPhone()
    const visitor = await signedIn(world, redirectUri, phone)
    const id = await idOf(visitor)
    await audit().where({ user_id: id }).delete()
    expect((await visitor.get(history)).text).toContain('没有登录记录')
    walkTo(60_000)
    await loginBySms(world, world.visitor(), start(), phone)
    expect(rowsOf(await visitor.get(history))).toHaveLength(1)
  })
})
