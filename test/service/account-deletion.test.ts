import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { askToLeave, deleteAccount, stayAfterAll } from '../../src/oidc/endings/account-leaving.ts'
import { signedIn } from '../support/account.ts'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { asksToLeave, expectsQuestion } from '../support/deletions.ts'
import { exchange, loginByPassword, loginBySms, startLogin, token } from '../support/login.ts'
import { patienceMs } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let phones = 13_511_000_000
const day = 86_400_000
const patient = { timeout: patienceMs, interval: 50 }
const nextPhone = () => String(++phones)
const knex = () => world.database.database.knex

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  const told = {
    client_id: 'told',
    first_party: true,
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
  }
  await world.register({
    clients: [...clients, { ...told, account_events_uri: 'https://told.invalid/events' }] as never,
    resources,
  })
})
afterEach(() => resetClock())
afterAll(() => world?.close())

async function userOf(phone: string): Promise<{ id: string; status: string } | undefined> {
  return knex()('users')
    .join('identities', 'identities.user_id', 'users.id')
    .join('identity_subjects', 'identity_subjects.identity_id', 'identities.id')
    .where({ subject: `+86${phone}` })
    .first('users.id', 'users.status')
}

const audited = (userId: string, event: string) => knex()('audit_events').where({ user_id: userId, event })
const events = (userId: string) => knex()('client_events').where({ user_id: userId }).orderBy('id').pluck('event')

/** What was sent to a number, by the names of the templates. */
async function templatesTo(phone: string): Promise<string[]> {
  const headers = { accept: 'application/json' }
  const sent = await fetch(`http://localhost:${world.port}/sandbox/outbox?to=%2B86${phone}`, { headers })
  return ((await sent.json()) as { template: string }[]).map(({ template }) => template)
}

/** A login from a new browser, as far as it goes. */
async function comesBack(phone: string) {
  const visitor = world.visitor()
  const page = await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), phone)
  return {
    visitor,
    page: page.status === 303 && !page.location?.startsWith(redirectUri) ? await visitor.follow(page) : page,
  }
}

describe('asking for it', () => {
  test('a fresh login, a tick and a button are all it takes; without the tick nothing happens', async () => {
    const phone = nextPhone()
    const visitor = await signedIn(world, redirectUri, phone)
    const page = await visitor.get('/account/deletion')
    expect(page.text).toContain('/account/apps')
    expect(page.text).not.toMatch(/name="confirm"[^>]*checked/)
    const form_token = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const without = await visitor.post('/account/deletion', { form_token })
    expect(without.status).toBe(400)
    expect((await userOf(phone))?.status).toBe('active')
    const asked = await visitor.post('/account/deletion', { form_token, confirm: 'on' })
    expect(asked.status, asked.text).toBe(200)
    expect((await userOf(phone))?.status).toBe('leaving')
    expect((await visitor.get('/account')).status).toBe(303)
  })

  test('a login of long ago is not enough, nor a form of another session', async () => {
    const phone = nextPhone()
    const visitor = await signedIn(world, redirectUri, phone)
    const form_token =
      /name="form_token" value="([^"]+)"/.exec((await visitor.get('/account/deletion')).text)?.[1] ?? ''
    const other = await signedIn(world, redirectUri, nextPhone())
    expect((await other.post('/account/deletion', { form_token, confirm: 'on' })).status).toBe(403)
    walkTo(601_000)
    const late = await visitor.post('/account/deletion', { form_token, confirm: 'on' })
    expect([late.status, late.location?.includes('prompt=login')]).toEqual([303, true])
    expect((await userOf(phone))?.status).toBe('active')
  })

  test('ends every session and token at once, tells apps, the owner and the audit, and keeps consents', async () => {
    const phone = nextPhone()
    const visitor = await signedIn(world, redirectUri, phone)
    const back = await visitor.get(startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' }))
    const tokens = await exchange(world, 'plain', redirectUri, back.location)
    const elsewhere = await signedIn(world, redirectUri, phone)
    await asksToLeave(visitor)
    const user = await userOf(phone)
    const id = user?.id ?? ''
    const refused = await token(world, {
      ...{ grant_type: 'refresh_token', client_id: 'plain', refresh_token: tokens['refresh_token'] ?? '' },
    })
    expect(refused.body).toMatchObject({ error: 'invalid_grant' })
    expect((await elsewhere.get('/account')).status).toBe(303)
    expect(await knex()('oidc_records').where({ user_id: id })).toEqual([])
    expect(await events(id)).toEqual(['account-disabled'])
    const [record] = await audited(id, 'user.deletion_asked')
    const { leaves_at } = await knex()('account_deletions').where({ user_id: id }).first()
    expect(record.detail).toEqual({ deletion_at: Math.floor(leaves_at.getTime() / 1000) })
    expect(Math.abs(leaves_at.getTime() - Date.now() - 7 * day)).toBeLessThan(patienceMs)
    const ended = await audited(id, 'session.ended')
    expect(ended.map(({ detail }) => detail.reason)).toEqual(['leaving', 'leaving'])
    await vi.waitFor(async () => expect(await templatesTo(phone)).toContain('deletion_asked'), patient)
  })

  test('asked twice at once it is asked once, with one date', async () => {
    const phone = nextPhone()
    await signedIn(world, redirectUri, phone)
    const id = (await userOf(phone))?.id as never
    const { core } = world.app
    const asked = await Promise.all(
      Array.from({ length: 6 }, (_, n) => askToLeave(core, id, { waitSeconds: 1000 + n })),
    )
    expect(asked.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect(new Set(asked.map(({ leavesAt }) => leavesAt.getTime())).size).toBe(1)
    expect(await audited(id, 'user.deletion_asked')).toHaveLength(1)
    expect(await events(id)).toEqual(['account-disabled'])
  })

  test('a locked account is left to the operator', async () => {
    const phone = nextPhone()
    await signedIn(world, redirectUri, phone)
    const id = (await userOf(phone))?.id as never
    await world.app.core.directory.setStatus(id, 'locked')
    await expect(askToLeave(world.app.core, id, { waitSeconds: 60 })).rejects.toMatchObject({ code: 'user.locked' })
    await askToLeave(world.app.core, id, { waitSeconds: 60, operator: 'ops' })
    expect((await userOf(phone))?.status).toBe('locked')
    await expect(stayAfterAll(world.app.core, id, {})).rejects.toMatchObject({ code: 'user.locked' })
    await world.app.core.directory.setStatus(id, 'active')
    expect((await userOf(phone))?.status).toBe('leaving')
  })
})

describe('a login while it waits', () => {
  test('says the date and lets nobody in by itself; undoing it lets in, and everything is as it was', async () => {
    const phone = nextPhone()
    const id = decodeJwt(
      (
        await exchange(
          ...([world, 'plain', redirectUri] as const),
          (
            await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), phone)
          ).location,
        )
      )['id_token'] ?? '',
    ).sub as string
    await asksToLeave(await signedIn(world, redirectUri, phone))
    const { visitor, page } = await comesBack(phone)
    expectsQuestion(page)
    const { leaves_at } = await knex()('account_deletions').where({ user_id: id }).first()
    expect(page.text).toContain(leaves_at.toISOString())
    expect((await visitor.get(page.url)).text).toContain('value="undo_deletion"')
    expect((await userOf(phone))?.status).toBe('leaving')
    const done = await visitor.post(page.url, { choice: 'undo_deletion' })
    const tokens = await exchange(world, 'plain', redirectUri, (await visitor.follow(done)).location)
    expect(decodeJwt(tokens['id_token'] ?? '').sub).toBe(id)
    expect((await userOf(phone))?.status).toBe('active')
    expect(await knex()('account_deletions').where({ user_id: id })).toEqual([])
    expect(await events(id)).toEqual(['account-disabled', 'account-enabled'])
    expect(await audited(id, 'user.deletion_undone')).toHaveLength(1)
  })

  test('leaving it as it is changes nothing and ends the login', async () => {
    const phone = nextPhone()
    await asksToLeave(await signedIn(world, redirectUri, phone))
    const { visitor, page } = await comesBack(phone)
    const left = await visitor.post(page.url, { choice: 'keep_deletion' })
    expect(left.status).toBe(200)
    expect(left.text).not.toContain('undo_deletion')
    expect((await userOf(phone))?.status).toBe('leaving')
    expect((await visitor.post(page.url, { choice: 'undo_deletion' })).status).toBe(400)
    expect((await visitor.get('/account')).status).toBe(303)
  })

  test('one proof is good for one answer', async () => {
    const phone = nextPhone()
    await asksToLeave(await signedIn(world, redirectUri, phone))
    const { visitor, page } = await comesBack(phone)
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => visitor.post(page.url, { choice: 'undo_deletion' })),
    )
    // The same form again leads where the first has led.
    expect(new Set(answers.map(({ status, location }) => `${status} ${location}`)).size).toBe(1)
    const user = await userOf(phone)
    expect(user?.status).toBe('active')
    expect(await events(user?.id ?? '')).toEqual(['account-disabled', 'account-enabled'])
  })

  test('a proof from before lets nobody in', async () => {
    const phone = nextPhone()
    const visitor = await signedIn(world, redirectUri, phone)
    const early = world.visitor()
    const login = await early.follow(await early.get(startLogin(world, 'plain', redirectUri)))
    const sent = await early.post(login.url, { method: 'sms', phone, country: '86', agreement: 'on' })
    const code = await early.follow(sent)
    const otp = await world.otp(`+86${phone}`)
    walkTo(1000)
    await asksToLeave(visitor)
    const refused = await early.post(code.url, { method: 'sms', otp })
    expect(refused.status).toBe(400)
    expect((await userOf(phone))?.status).toBe('leaving')
  })
})

describe('at the end', () => {
  test('nothing is left but the id: the number is free, the next login makes another account', async () => {
    const phone = nextPhone()
    await asksToLeave(await signedIn(world, redirectUri, phone))
    const id = (await userOf(phone))?.id ?? ''
    walkTo(7 * day - 60_000)
    expect((await userOf(phone))?.status).toBe('leaving')
    walkTo(7 * day + 60_000)
    await vi.waitFor(async () => expect(await userOf(phone)).toBeUndefined(), patient)
    const row = await knex()('users').where({ id }).first()
    expect(row).toMatchObject({ status: 'deleted', nickname: null, picture: null })
    expect(await events(id)).toEqual(['account-disabled', 'account-purged'])
    resetClock()
    const { page } = await comesBack(phone)
    expect(page.location).toContain('code=')
    expect((await userOf(phone))?.id).not.toBe(id)
  })

  test('of an undo and the end that come together one is done, whole', async () => {
    for (let round = 0; round < 8; round++) {
      const phone = nextPhone()
      await signedIn(world, redirectUri, phone)
      const id = (await userOf(phone))?.id as never
      const { core } = world.app
      await askToLeave(core, id, { waitSeconds: 3600 })
      const [stayed, deleted] = await Promise.allSettled([stayAfterAll(core, id, {}), deleteAccount(core, id, {})])
      const isDeleted = deleted.status === 'fulfilled' && deleted.value
      const hasStayed = stayed.status === 'fulfilled' && stayed.value
      expect([hasStayed, isDeleted].filter(Boolean)).toHaveLength(1)
      expect((await knex()('users').where({ id }).first()).status).toBe(isDeleted ? 'deleted' : 'active')
      expect(await knex()('account_deletions').where({ user_id: id })).toEqual([])
      expect(await events(id)).toEqual(['account-disabled', isDeleted ? 'account-purged' : 'account-enabled'])
    }
  })

  test('a login and a refresh that come beside the request leave nothing alive', async () => {
    for (let round = 0; round < 4; round++) {
      const phone = nextPhone()
      const visitor = await signedIn(world, redirectUri, phone)
      const back = await visitor.get(startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' }))
      const tokens = await exchange(world, 'plain', redirectUri, back.location)
      const id = (await userOf(phone))?.id as never
      const refresh_token = tokens['refresh_token'] ?? ''
      const refresh = () => token(world, { grant_type: 'refresh_token', client_id: 'plain', refresh_token })
      const [asked, refreshed] = await Promise.all([
        askToLeave(world.app.core, id, { waitSeconds: 3600 }),
        refresh(),
        visitor.get(startLogin(world, 'plain', redirectUri)),
      ])
      expect(asked.isNew).toBe(true)
      const next = await token(world, {
        ...{ grant_type: 'refresh_token', client_id: 'plain' },
        refresh_token: String(refreshed.body['refresh_token'] ?? refresh_token),
      })
      expect(next.body).toMatchObject({ error: 'invalid_grant' })
      expect((await visitor.get('/account')).status).toBe(303)
    }
  })

  test('a merged account cannot be deleted by itself', async () => {
    const id = 'usr_00000000000000000000000001' as never
    const at = new Date()
    const survivor = nextPhone()
    await signedIn(world, redirectUri, survivor)
    const into = (await userOf(survivor))?.id
    await knex()('users').insert({ id, status: 'deleted', merged_into: into, created_at: at, updated_at: at })
    await expect(askToLeave(world.app.core, id, { waitSeconds: 0 })).rejects.toMatchObject({ code: 'login.required' })
    expect(await deleteAccount(world.app.core, id, {})).toBe(false)
    await askToLeave(world.app.core, into as never, { waitSeconds: 3600 })
    await deleteAccount(world.app.core, into as never, {})
    expect(await events(id)).toEqual(['account-purged'])
  })
})

describe('users delete and undelete', () => {
  const run = (...argv: string[]) => runCommand(['users', ...argv], { env: world.env, cwd: '/' })

  test('ask, say who and why in the audit, and do nothing with --dry-run', async () => {
    const phone = nextPhone()
    await signedIn(world, redirectUri, phone)
    const id = (await userOf(phone))?.id ?? ''
    expect((await run('delete', phone)).status).toBe(1)
    expect((await run('delete', phone, '--dry-run')).status).toBe(3)
    expect((await userOf(phone))?.status).toBe('active')
    const done = await run('delete', phone, '--yes', '--reason', 'asked by letter', '--json')
    expect(JSON.parse(done.stdout)).toMatchObject({ id, status: 'leaving', changed: true })
    const [record] = await audited(id, 'user.deletion_asked')
    expect(record.detail).toMatchObject({ why: 'asked by letter', operator: expect.any(String) })
    expect((await run('delete', phone, '--yes')).stdout).toMatch(/^no changes; it is gone at /)
    expect((await run('undelete', phone, '--reason', 'a mistake')).stdout).toContain('active')
    expect((await audited(id, 'user.deletion_undone'))[0].detail).toMatchObject({ why: 'a mistake' })
    expect((await run('undelete', phone)).stdout).toBe('no changes\n')
    expect((await userOf(phone))?.status).toBe('active')
  })

  test('a lock takes the choice away from whoever leaves, and unlocking gives it back', async () => {
    const phone = nextPhone()
    await asksToLeave(await signedIn(world, redirectUri, phone))
    expect((await run('lock', phone)).status).toBe(0)
    const { page } = await comesBack(phone)
    expect(page.text).not.toContain('undo_deletion')
    expect(page.status).toBe(403)
    expect((await userOf(phone))?.status).toBe('locked')
    expect((await run('unlock', phone)).stdout).toContain('whose deletion was asked for')
    expectsQuestion((await comesBack(phone)).page)
  })

  test('with --now nothing can be taken back', async () => {
    const phone = nextPhone()
    await signedIn(world, redirectUri, phone)
    const id = (await userOf(phone))?.id ?? ''
    const done = await run('delete', phone, '--now', '--yes', '--json')
    expect(JSON.parse(done.stdout)).toEqual({ id, status: 'deleted', changed: true })
    expect(await userOf(phone)).toBeUndefined()
    expect((await run('undelete', id)).stderr).toContain('cannot come back')
  })
})

test('somebody who comes back by a password is asked as well', async () => {
  const phone = nextPhone()
  const visitor = await signedIn(world, redirectUri, phone)
  const form_token = /name="form_token" value="([^"]+)"/.exec((await visitor.get('/account/password')).text)?.[1] ?? ''
  await visitor.post('/account/password', { form_token, new_password: 'a rather long passphrase' })
  await asksToLeave(visitor)
  const other = world.visitor()
  const answer = await loginByPassword(
    other,
    startLogin(world, 'plain', redirectUri),
    phone,
    'a rather long passphrase',
  )
  expectsQuestion(answer.status === 303 ? await other.follow(answer) : answer)
})
