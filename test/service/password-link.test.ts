import { tmpdir } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { signedIn } from '../support/account.ts'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginByPassword, startLogin } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

// A link that support hands over: whoever opens it chooses a password without logging in.

let world: World
let numbers = 13500150000

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients, resources })
})
afterEach(resetClock)
afterAll(() => world.close())

const next = 'ripe tea from 4 mountains'
const knex = () => world.database.database.knex
const menshen = (...argv: string[]) => runCommand(argv, { env: { ...world.env, SUDO_USER: 'alice' }, cwd: tmpdir() })
const newPhone = () => String(++numbers)
const audited = (event: string, userId: string) =>
  knex()('audit_events').where({ event, user_id: userId }).orderBy('id', 'desc').first()

/** Somebody who is signed in, and a link for them. */
async function owner() {
  const phone = newPhone()
  const visitor = await signedIn(world, redirectUri, phone)
  const { stdout, stderr } = await menshen('users', 'password', 'reset-link', phone, '--why', 'ticket 9', '--json')
  if (!stdout) throw new Error(stderr)
  const { id, link } = JSON.parse(stdout) as { id: string; link: string }
  const path = link.slice(world.issuer.length)
  return { phone, visitor, id, link, path }
}
const choose = (path: string, new_password = next) => world.visitor().post(path, { new_password })
const toldOf = async (phone: string) => {
  const answer = await fetch(`http://localhost:${world.port}/sandbox/outbox?to=%2B86${phone}`, {
    headers: { accept: 'application/json' },
  })
  return ((await answer.json()) as { template: string }[]).map(({ template }) => template)
}
const hasPassword = async (id: string) => (await knex()('passwords').where({ user_id: id })).length > 0

describe('a link for a new password', () => {
  test('sets it without a login, ends everything, tells the owner, and works once', async () => {
    const { phone, visitor, id, path } = await owner()
    const page = await world.visitor().get(path)
    expect([page.status, page.text.includes('name="new_password"')]).toEqual([200, true])
    expect(page.text).not.toContain(phone)
    expect(page.headers['referrer-policy']).toBe('no-referrer')
    expect(await hasPassword(id)).toBe(false)

    const done = await choose(path)
    expect(done.text).toContain('密码已设置')
    expect((await visitor.get('/account')).status).not.toBe(200)
    const back = await loginByPassword(world.visitor(), startLogin(world, 'plain', redirectUri), phone, next)
    expect(back.location).toContain('code=')
    expect(await audited('password.set', id)).toMatchObject({ detail: { method: 'link', operator: 'alice' } })
    expect(await audited('session.ended', id)).toMatchObject({ detail: { reason: 'password_reset' } })
    await eventually(async () => expect(await toldOf(phone)).toContain('password_set'))

    for (const answer of [await world.visitor().get(path), await choose(path, 'another 7 cups of tea')]) {
      expect([answer.status, answer.text.includes('链接已失效')]).toEqual([400, true])
    }
  })

  test('says in the audit who has made it and why, and nowhere what it is', async () => {
    const { id, link } = await owner()
    const secret = new URL(link).searchParams.get('link') ?? ''
    expect(await audited('password.link_made', id)).toMatchObject({ detail: { operator: 'alice', why: 'ticket 9' } })
    const { rows } = await knex().raw(`select key, value from ephemeral where key like '%password_link:%'`)
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify([rows, world.log])).not.toContain(secret)
  })

  test('is not used up by a password that is refused', async () => {
    const { id, path } = await owner()
    const refused = await choose(path, '12345678')
    expect([refused.status, refused.text.includes('name="new_password"')]).toEqual([400, true])
    expect((await choose(path)).status).toBe(200)
    expect(await hasPassword(id)).toBe(true)
  })

  test('lets one of several through who use it at once', async () => {
    const { id, path } = await owner()
    const answers = await Promise.all([1, 2, 3, 4].map((n) => choose(path, `${next} ${n}`)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 400])
    expect(await knex()('audit_events').where({ event: 'password.set', user_id: id })).toHaveLength(1)
  })

  test('ends after its time, with a lock, and with whatever signs its owner out', async () => {
    const late = await owner()
    walkTo(3_601_000)
    expect((await choose(late.path)).status).toBe(400)
    resetClock()
    const locked = await owner()
    await menshen('users', 'lock', locked.id)
    expect((await choose(locked.path)).status).toBe(400)
    await menshen('users', 'unlock', locked.id)
    expect((await choose(locked.path)).status).toBe(400)
    const other = await owner()
    await menshen('users', 'revoke', other.id)
    expect((await choose(other.path)).status).toBe(400)
    for (const { id } of [late, locked, other]) expect(await hasPassword(id)).toBe(false)
  })

  test('is refused to a page of another site', async () => {
    const { id, path } = await owner()
    const answer = await world.visitor().post(path, { new_password: next }, { 'sec-fetch-site': 'cross-site' })
    expect([answer.status, await hasPassword(id)]).toEqual([403, false])
  })

  test.each(['', '?link=', `?link=${'x'.repeat(43)}`, '?link=a&link=b', '?link=%00'])('is none: %s', async (query) => {
    expect((await world.visitor().get(`/password-link${query}`)).status).toBe(400)
    expect((await choose(`/password-link${query}`)).status).toBe(400)
  })
})

describe('an account that begins with a link', () => {
  test('gets its first password by it, and its owner logs in with its name', async () => {
    const { stdout } = await menshen('users', 'create', 'linkedname', '--link', '--why', 'new colleague', '--json')
    const { id, link } = JSON.parse(stdout)
    expect(await hasPassword(id)).toBe(false)
    expect((await choose(link.slice(world.issuer.length))).status).toBe(200)
    const back = await loginByPassword(world.visitor(), startLogin(world, 'plain', redirectUri), 'linkedname', next)
    expect(back.location).toContain('code=')
  })

  test.each([
    ['what nobody could log in with', ['users', 'create', '13500159999', '--link', '--why', 'x']],
    ['a life that is too long', ['users', 'create', 'longlived', '--link', '--valid-for', '30d', '--why', 'x']],
    ['no reason', ['users', 'password', 'reset-link', '13500150001']],
    ['nobody', ['users', 'password', 'reset-link', '13500159998', '--why', 'x']],
  ])('is refused for %s', async (_, argv) => {
    const { status, stdout } = await menshen(...argv)
    expect([status, stdout]).toEqual([1, ''])
  })

  test('is tried without making anything', async () => {
    const { id } = await owner()
    const trial = await menshen('users', 'password', 'reset-link', id, '--why', 'x', '--dry-run')
    expect(trial.status).toBe(3)
    expect(await knex()('audit_events').where({ event: 'password.link_made', user_id: id })).toHaveLength(1)
  })
})
