import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { IdentityId, UserId } from '../../src/base/ids.ts'
import { openShell, runCommand, type Shell } from '../support/cli.ts'
import { claimOf } from '../support/several.ts'

// What support finds and makes at the command line, and what the audit keeps of it.

let shell: Shell
let directory: AccountDirectory
let alice: UserId
const use = { ip: '203.0.113.7' }
const at = Date.UTC(2026, 10, 20, 10)

beforeAll(async () => {
  shell = await openShell()
  directory = new AccountDirectory({ database: shell.database.database, clock: () => at })
  const named = { ...claimOf('phone', ['+8613800138000']), profile: { nickname: 'Alice 小明' } }
  alice = (await directory.register(named, use)).user.id
  await directory.bind(alice, claimOf('wechat', ['unionid:o6_bmasdasdsad6', 'openid:wx1:oLVPpjqs9']), use)
  for (let n = 0; n < 5; n++) {
    const claim = { ...claimOf('username', [`person${n}`]), profile: { nickname: `小红${n}` } }
    await new AccountDirectory({ database: shell.database.database, clock: () => at + n * 1000 }).register(claim, use)
  }
})
afterAll(() => shell.close())

const knex = () => shell.database.database.knex
const json = async (...argv: string[]) => JSON.parse((await shell.run(...argv, '--json')).stdout)
const lastAudit = () => knex()('audit_events').orderBy('id', 'desc').first()

describe('users list', () => {
  test('lists everybody once, page by page, the newest first', async () => {
    const seen: string[] = []
    let after: string[] = []
    for (let more = true; more; ) {
      const page = await json('users', 'list', '--limit', '2', ...after)
      seen.push(...page.items.map(({ id }: { id: string }) => id))
      more = page.next !== null
      after = ['--after', page.next]
    }
    expect(seen).toHaveLength(6)
    expect(new Set(seen).size).toBe(6)
  })

  test('tells a person where the next page begins', async () => {
    expect((await shell.run('users', 'list', '--limit', '2')).stderr).toMatch(/--after \d+-usr_/)
  })

  test('by status, by when they came, and by when they were here last', async () => {
    const ids = async (...argv: string[]) => (await json('users', 'list', ...argv)).items.length
    await directory.setStatus(alice, 'locked')
    expect(await ids('--status', 'locked')).toBe(1)
    await directory.setStatus(alice, 'active')
    expect(await ids('--status', 'locked')).toBe(0)
    expect(await ids('--created-since', '2026-11-20T10:00:03Z')).toBe(2)
    expect(await ids('--created-until', '2026-11-20T10:00:03Z')).toBe(4)
    expect(await ids('--unused-since', '2026-11-20T10:00:03Z')).toBe(4)
    expect(await ids('--used-since', '2026-11-20T10:00:03Z')).toBe(2)
  })

  test.each([
    ['--status', 'gone'],
    ['--created-since', 'yesterday'],
    ['--limit', '0'],
    ['--after', 'x;y'],
  ])('refuses %s %s', async (...option) => {
    expect((await shell.run('users', 'list', ...option)).status).toBe(1)
  })
})

describe('users find', () => {
  test.each([
    ['+8613800138000', 'phone'],
    ['138 0013 8000', 'phone'],
    ['oLVPpjqs9', 'subject'],
    ['openid:wx1:oLVPpjqs9', 'subject'],
    ['wechat:unionid:o6_bmasdasdsad6', 'subject'],
    ['alice 小', 'nickname'],
    ['ALICE', 'nickname'],
  ])('finds %s by %s', async (typed, by) => {
    const { items } = await json('users', 'find', typed)
    expect(items).toMatchObject([{ id: alice, found_by: by }])
    expect(JSON.stringify(items)).not.toMatch(/13800138000|oLVPpjqs9|o6_bmasdasdsad6/)
  })

  test('finds by the beginning of a nickname page by page', async () => {
    const first = await json('users', 'find', '小红', '--limit', '3')
    const second = await json('users', 'find', '小红', '--limit', '3', '--after', first.next)
    expect([first.items.length, second.items.length, second.next]).toEqual([3, 2, null])
  })

  test.each(['%', '_', "小红'", '不存在', 'VPpjqs9'])('finds nobody by %s', async (typed) => {
    expect(await shell.run('users', 'find', typed)).toMatchObject({ status: 1, stdout: '' })
  })

  test('shows numbers whole only to who says why, and the audit has both', async () => {
    expect((await shell.run('users', 'find', 'ALICE', '--full')).stderr).toContain('--why')
    const { stdout } = await shell.run('users', 'find', 'ALICE', '--full', '--why', 'ticket 7')
    expect(stdout).toContain('+8613800138000')
    expect(await lastAudit()).toMatchObject({
      event: 'support.looked',
      user_id: alice,
      detail: { command: 'users find', operator: 'alice', why: 'ticket 7', full: true, shown: 1, by: 'nickname' },
    })
  })
})

describe('users create', () => {
  const create = (stdin: string | undefined, ...argv: string[]) =>
    runCommand(['users', 'create', ...argv], {
      env: shell.env,
      cwd: shell.cwd,
      ...(stdin === undefined ? {} : { stdin }),
    })

  test('makes an account whose ways in are not proved, and says who and why', async () => {
    const { status, stdout } = await create(
      undefined,
      '13900139000',
      'New@Example.com',
      'wechat=unionid:u1,openid:wx1:o1',
      '--nickname',
      '新人',
      '--why',
      'ticket 8',
      '--json',
    )
    expect(status).toBe(0)
    const { id } = JSON.parse(stdout)
    const account = await directory.find(id)
    expect(account?.user.profile.nickname).toBe('新人')
    expect(account?.identities.map(({ provider, subjects, verifiedAt }) => [provider, subjects, verifiedAt])).toEqual(
      expect.arrayContaining([
        ['phone', ['+8613900139000'], undefined],
        ['email', ['new@example.com'], undefined],
        ['wechat', ['unionid:u1', 'openid:wx1:o1'], undefined],
      ]),
    )
    expect(await lastAudit()).toMatchObject({
      event: 'user.created',
      user_id: id,
      detail: { operator: 'alice', why: 'ticket 8', proved: false },
    })
  })

  test('with a password that it reads from standard input and hashes', async () => {
    const { stdout } = await create(
      'grape-ladder-42-river\n',
      'withword',
      '--proved',
      '--password-stdin',
      '--why',
      'x',
      '--json',
    )
    const { id } = JSON.parse(stdout)
    const [row] = await knex()('passwords').where({ user_id: id })
    expect(row.hash).toMatch(/^\$argon2id\$/)
    expect((await directory.find(id))?.identities[0]?.verifiedAt).toBeInstanceOf(Date)
  })

  test.each([
    ['what is somebody’s', ['+8613800138000', '--why', 'x']],
    ['what is no way in', ['wechat', 'a b', '--why', 'x']],
    ['a name that seems to speak for the operator', ['admin', '--why', 'x']],
    ['without a reason', ['fresh']],
  ])('refuses %s, and makes nothing', async (_, argv) => {
    const [before] = await knex()('users').count()
    expect((await create(undefined, ...argv)).status).toBe(1)
    expect(await knex()('users').count()).toEqual([before])
  })

  test('a trial makes nothing', async () => {
    const [before] = await knex()('users').count()
    expect((await create(undefined, 'fresh', '--why', 'x', '--dry-run')).status).toBe(3)
    expect(await knex()('users').count()).toEqual([before])
  })

  test('of two at once one makes it', async () => {
    const both = await Promise.all([1, 2].map(() => create(undefined, '13900139999', '--why', 'x')))
    expect(both.map(({ status }) => status).toSorted()).toEqual([0, 1])
  })
})

describe('identities', () => {
  const wechatOf = async (userId: UserId) =>
    (await directory.find(userId))?.identities.find(({ provider }) => provider === 'wechat')?.id as IdentityId

  test('list shows them masked', async () => {
    const rows = await json('identities', 'list', alice)
    expect(rows.map(({ provider }: { provider: string }) => provider).toSorted()).toEqual(['phone', 'wechat'])
    expect(JSON.stringify(rows)).not.toContain('13800138000')
  })

  test('unbind takes one, ends what came by it, and says who and why', async () => {
    const { user } = await directory.register(claimOf('phone', ['+8613800138009']), use)
    await directory.bind(user.id, claimOf('wechat', ['openid:wx1:other']), use)
    const identity = await wechatOf(user.id)
    const args = ['identities', 'unbind', identity, '--why', 'stolen']
    expect((await shell.run(...args)).stderr).toContain('--yes')
    expect((await shell.run(...args, '--dry-run')).status).toBe(3)
    expect(await wechatOf(user.id)).toBe(identity)
    expect((await shell.run(...args, '--yes')).status).toBe(0)
    expect(await wechatOf(user.id)).toBeUndefined()
    expect(await lastAudit()).toMatchObject({
      event: 'identity.unbound',
      user_id: user.id,
      detail: { identity, operator: 'alice', why: 'stolen' },
    })
    const messages = await knex()('owner_messages').where({ user_id: user.id })
    expect(messages.map(({ event }) => event)).toEqual(['way_removed'])
    const last = String((await directory.find(user.id))?.identities[0]?.id)
    expect((await shell.run('identities', 'unbind', last, '--why', 'x', '--yes')).stderr).toContain('--last')
    expect((await shell.run('identities', 'unbind', last, '--why', 'x', '--yes', '--last')).status).toBe(0)
  })

  test('move is the same command under both names', async () => {
    const identity = await wechatOf(alice)
    const { user: to } = await directory.register(claimOf('phone', ['+8613800138010']), use)
    const { status } = await shell.run('identities', 'move', identity, '--to', to.id, '--why', 'x', '--yes')
    expect(status).toBe(0)
    const moved = await wechatOf(to.id)
    expect((await shell.run('users', 'identities', 'move', moved, '--to', alice, '--why', 'x', '--yes')).status).toBe(0)
  })

  test('a question at a terminal is answered by typing', async () => {
    const { user } = await directory.register(claimOf('phone', ['+8613800138011']), use)
    await directory.bind(user.id, claimOf('wechat', ['openid:wx1:third']), use)
    const identity = await wechatOf(user.id)
    const ask = async (typed: string) => {
      const { main } = await import('../../src/cli/commands.ts')
      const nothing = { write: () => true }
      const stdin = Object.assign(Readable.from([typed]), { isTTY: true })
      const argv = ['identities', 'unbind', identity, '--why', 'x']
      return main({ argv, env: shell.env, cwd: shell.cwd, stdin, stdout: nothing, stderr: nothing })
    }
    expect(await ask('n\n')).toBe(1)
    expect(await wechatOf(user.id)).toBe(identity)
    expect(await ask('y\n')).toBe(0)
    expect(await wechatOf(user.id)).toBeUndefined()
  })
})
