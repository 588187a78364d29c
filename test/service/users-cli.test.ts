import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { IdentityClaim, UserStatus } from '../../src/accounts/user.ts'
import type { UserId } from '../../src/base/ids.ts'
import { openShell, type Shell } from '../support/cli.ts'

let shell: Shell
let directory: AccountDirectory
let alice: UserId
const use = { ip: '203.0.113.7' }
const at = Date.UTC(2026, 10, 20, 10)

const claim = (provider: string, ...subjects: [string, ...string[]]): IdentityClaim => ({
  provider,
  subjects,
  profile: { nickname: '小明\u001b[2J' },
})

beforeAll(async () => {
  shell = await openShell()
  directory = new AccountDirectory({ database: shell.database.database, clock: () => at })
  const { user } = await directory.register(claim('phone', '+8613800138000'), use, { passwordHash: 'x' })
  alice = user.id
  await directory.bind(alice, claim('email', 'alice@example.com'), use)
  await directory.bind(alice, claim('username', 'alice'), use)
  await directory.bind(alice, claim('wechat', 'unionid:o6_bmasdasdsad6_2sgVt7hMZOPfL', 'openid:wx1:oLVPpjqs9'), use)
})
afterAll(() => shell.close())

async function statusOf(id: UserId): Promise<UserStatus | undefined> {
  return (await directory.find(id))?.user.status
}

async function giveSession(id: string, userId: UserId): Promise<void> {
  const expires_at = new Date(Date.UTC(2099, 0))
  const row = { id, payload: '{}', user_id: userId, expires_at }
  await shell.database.database.knex('oidc_records').insert([
    { ...row, model: 1 },
    { ...row, model: 4 },
  ])
}

describe('users show', () => {
  test.each(['+8613800138000', '138 0013 8000', 'alice@example.com', 'ALICE', 'id'])(
    'finds a user by %s',
    async (typed) => {
      const { status, stdout } = await shell.run('users', 'show', typed === 'id' ? alice : typed, '--json')
      expect(status).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ id: alice, status: 'active', has_password: true, sessions: 0 })
    },
  )

  test('masks what identifies a person, for machines too, and steers no terminal', async () => {
    const plain = await shell.run('users', 'show', alice)
    const machine = await shell.run('users', 'show', alice, '--json')
    expect(plain.stdout).toMatch(/^phone +138\*\*\*\*8000 /m)
    expect(plain.stdout).toMatch(/^email +al\*\*\*@example\.com /m)
    expect(plain.stdout).not.toContain('\u001b')
    const { identities } = JSON.parse(machine.stdout)
    const subjects = identities.flatMap((identity: { subjects: string[] }) => identity.subjects)
    expect(subjects.toSorted()).toEqual([
      '138****8000',
      'al***@example.com',
      'alice',
      'openid:wx1:oL****jqs9',
      'unionid:o6****OPfL',
    ])
    for (const secret of ['13800138000', 'alice@example.com', 'sgVt7hMZOPfL', 'oLVPpjqs9']) {
      expect(plain.stdout + machine.stdout).not.toContain(secret)
    }
  })

  test('shows all of it with --full', async () => {
    const { stdout } = await shell.run('users', 'show', alice, '--full', '--why', 'ticket 7')
    const looked = await shell.database.database.knex('audit_events').where({ event: 'support.looked' })
    const detail = { command: 'users show', operator: 'alice', why: 'ticket 7', full: true, shown: 1 }
    expect(looked).toMatchObject([{ user_id: alice, detail }])
    for (const text of ['+8613800138000', 'alice@example.com', 'unionid:o6_bmasdasdsad6_2sgVt7hMZOPfL']) {
      expect(stdout).toContain(text)
    }
  })

  test.each([
    ['13900139000', 'there is no user with this phone number'],
    ['bob@example.com', 'there is no user with this e-mail address'],
    ['bob', 'there is no user with this user name'],
    ['usr_0123456789abcdefghjkmnpqrs', 'there is no user with this id'],
    ['12', 'expected the id of a user (usr_…), a phone number, an e-mail address or a user name'],
  ])('refuses %s', async (typed, reason) => {
    const refused = (text: string) => ({ status: 1, stdout: '', stderr: `error: ${text}\n` })
    for (const verb of ['show', 'lock', 'unlock', 'sessions', 'revoke']) {
      expect(await shell.run('users', verb, typed)).toEqual(refused(reason))
    }
    const anything = 'no session, grant, token, request or user of this name'
    expect(await shell.run('users', 'why', typed)).toEqual(refused(['bob', '12'].includes(typed) ? anything : reason))
  })
})

describe('users lock and unlock', () => {
  test('lock ends every session and token of that user and of nobody else, and unlock lets the user in again', async () => {
    const { user: other } = await directory.register(claim('phone', '+8613800138001'), use)
    const { user } = await directory.register(claim('phone', '+8613800138002'), use)
    await giveSession('mine', user.id)
    await giveSession('theirs', other.id)

    const dry = await shell.run('users', 'lock', '13800138002', '--dry-run')
    expect(dry).toMatchObject({ status: 3, stdout: `would lock ${user.id} and end 2 sessions, grants and tokens\n` })
    expect(await statusOf(user.id)).toBe('active')

    const locked = await shell.run('users', 'lock', '13800138002', '--why', 'ticket 4711')
    expect(locked).toMatchObject({ status: 0, stderr: '' })
    expect(locked.stdout).toContain(`locked ${user.id}; 2 sessions, grants and tokens ended`)
    expect(await statusOf(user.id)).toBe('locked')
    const { knex } = shell.database.database
    expect(await knex('oidc_records').pluck('id')).toEqual(['theirs', 'theirs'])
    expect(await shell.run('users', 'lock', user.id)).toMatchObject({ status: 0, stdout: 'no changes\n' })
    expect(await shell.run('users', 'lock', user.id, '--dry-run')).toMatchObject({ status: 0, stdout: 'no changes\n' })

    expect(await shell.run('users', 'unlock', user.id, '--dry-run')).toMatchObject({ status: 3 })
    expect(await statusOf(user.id)).toBe('locked')
    const unlocked = await shell.run('users', 'unlock', user.id, '--json')
    expect(JSON.parse(unlocked.stdout)).toEqual({ id: user.id, status: 'active', changed: true })
    expect(await statusOf(user.id)).toBe('active')
    expect((await shell.run('users', 'unlock', user.id)).stdout).toBe('no changes\n')

    expect(await knex('audit_events').where({ user_id: user.id }).orderBy('id')).toMatchObject([
      { event: 'user.locked', detail: { operator: 'alice', why: 'ticket 4711', ended_records: 2 } },
      { event: 'user.unlocked', detail: { operator: 'alice' } },
    ])
  })

  test('a deleted user can be neither', async () => {
    const { user } = await directory.register(claim('phone', '+8613800138003'), use)
    await directory.setStatus(user.id, 'deleted')
    expect(await shell.run('users', 'lock', user.id)).toMatchObject({ status: 1 })
    expect(await shell.run('users', 'unlock', user.id)).toMatchObject({ status: 1 })
    expect(await statusOf(user.id)).toBe('deleted')
  })
})

describe('users sessions and revoke', () => {
  async function signIn(userId: UserId, name: string): Promise<void> {
    const iat = 1_770_000_000
    const about = JSON.stringify({ method: 'sms', device: `${name}\u001b[2J`, ip: '203.0.113.7' })
    const row = { user_id: userId, expires_at: new Date(Date.UTC(2099, 0)), about }
    const authorizations = { web: { sid: 's', grantId: `web-${name}` } }
    const session = { ...row, model: 1, id: `digest-${name}`, uid: `uid-${name}` }
    const grant = { ...row, model: 2, id: `grant-${name}` }
    const refresh = { ...row, model: 4, id: `token-${name}`, grant_id: `grant-${name}`, about: null }
    await shell.database.database.knex('oidc_records').insert([
      { ...session, payload: JSON.stringify({ loginTs: iat, iat, authorizations }) },
      { ...grant, payload: JSON.stringify({ iat, clientId: 'ios' }) },
      { ...refresh, payload: JSON.stringify({ iat: iat + 60, iiat: iat, clientId: 'ios' }) },
    ])
  }

  test('an id that begins with a dash is taken as it was printed', async () => {
    const { user } = await directory.register(claim('phone', '+8613800138006'), use)
    const ids = { id: 'digest-dash', uid: '-RU_P9x0kQmW3sTz' }
    const payload = JSON.stringify({ loginTs: 1_770_000_000, iat: 1_770_000_000 })
    const times = { expires_at: new Date(Date.UTC(2099, 0)) }
    await shell.database.database.knex('oidc_records').insert({ ...ids, ...times, model: 1, user_id: user.id, payload })
    expect((await shell.run('users', 'revoke', user.id, '--session', ids.uid)).stdout).toMatch(/1 records ended/)
    expect((await shell.run('users', 'why', ids.uid)).stdout).toMatch(/an operator ended it .* -RU_P9x0kQmW3sTz$/m)
    expect(await shell.run('keys', 'retire', '-abc')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there is no key "-abc"'),
    })
  })

  test('list and end what the person sees, one or all, and nobody else’s', async () => {
    const { user } = await directory.register(claim('phone', '+8613800138004'), use)
    const { user: other } = await directory.register(claim('phone', '+8613800138005'), use)
    await signIn(user.id, 'a')
    await signIn(user.id, 'b')
    await signIn(other.id, 'c')
    const list = async () => JSON.parse((await shell.run('users', 'sessions', user.id, '--json')).stdout)
    const [app, , browser] = await list()
    expect(app).toMatchObject({ kind: 'grant', id: 'grant-a', client_ids: ['ios'], ip: '203.0.113.7', method: 'sms' })
    expect(browser).toMatchObject({ kind: 'session', id: 'uid-a', client_ids: ['web'] })
    expect(Date.parse(app.last_used_at) - Date.parse(app.created_at)).toBe(60_000)
    const text = (await shell.run('users', 'sessions', user.id)).stdout
    expect(text).toMatch(/^uid-b +browser +web .* sms +203\.0\.113\.\* /m)
    expect(text).not.toContain('203.0.113.7')
    expect(text).not.toContain('\u001b')

    expect(await shell.run('users', 'revoke', user.id, '--session', 'uid-c')).toMatchObject({ status: 1, stdout: '' })
    const one = ['users', 'revoke', user.id, '--session', 'uid-a']
    expect(await shell.run(...one, '--dry-run')).toMatchObject({ status: 3 })
    expect(await list()).toHaveLength(4)
    expect(JSON.parse((await shell.run('users', 'show', user.id, '--json')).stdout)).toMatchObject({ sessions: 4 })
    expect((await shell.run(...one)).status).toBe(0)
    expect(
      (await shell.run('users', 'revoke', user.id, '--session', 'grant-b', '--why', 'ticket 4712', '--json')).status,
    ).toBe(0)
    expect((await list()).map(({ id }: { id: string }) => id)).toEqual(['grant-a', 'uid-b'])
    expect((await shell.run('users', 'revoke', user.id)).stdout).toMatch(/^signed usr_\w+ out; 3 records ended/)
    expect((await shell.run('users', 'revoke', user.id)).stdout).toBe('no changes\n')
    const { knex } = shell.database.database
    expect(await knex('oidc_records').where({ user_id: other.id })).toHaveLength(3)
    expect(
      await knex('audit_events').where({ user_id: user.id }).orderBy('id').select('event', 'detail'),
    ).toMatchObject([
      { event: 'session.ended', detail: { reason: 'operator', operator: 'alice', session: 'uid-a' } },
      {
        event: 'grant.revoked',
        detail: { reason: 'operator', operator: 'alice', why: 'ticket 4712', grant: 'grant-b' },
      },
      { event: expect.any(String) },
      { event: expect.any(String) },
    ])
  })
})
