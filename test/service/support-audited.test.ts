import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { UserId } from '../../src/base/ids.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { claimOf } from '../support/several.ts'

// Every command of support: the audit says who and why, and what cannot be taken back is asked about.

let shell: Shell
let directory: AccountDirectory
let people = 0
const why = 'ticket 4711'
const use = { ip: '203.0.113.7' }

beforeAll(async () => {
  shell = await openShell()
  directory = new AccountDirectory({ database: shell.database.database, clock: () => Date.now() })
})
afterAll(() => shell.close())

const knex = () => shell.database.database.knex
const lastId = async () => Number((await knex()('audit_events').max('id as last').first())?.last ?? 0)

/** Somebody with two ways in. */
async function person(): Promise<UserId> {
  people += 1
  const { user } = await directory.register(claimOf('phone', [`+8613800${140_000 + people}`]), use)
  await directory.bind(user.id, claimOf('wechat', [`openid:wx1:audited-${people}`]), use)
  return user.id
}
const wayOf = async (id: UserId) =>
  String((await directory.find(id))?.identities.find(({ provider }) => provider === 'wechat')?.id)

interface Case {
  readonly words: () => Promise<readonly string[]> | readonly string[]
  readonly event: string
  readonly reason?: string
  readonly asks?: boolean
  /** Who has asked so far is refused without a reason. */
  readonly needsReason?: boolean
}

const cases: Readonly<Record<string, Case>> = {
  'users list': { words: () => ['users', 'list'], event: 'support.looked' },
  'users list, looked through': {
    words: () => ['users', 'list', '--used-since', '2020-01-01'],
    event: 'support.looked',
  },
  'users find': { words: async () => ['users', 'find', await person()], event: 'support.looked' },
  'users create': {
    words: () => ['users', 'create', `made${people}`, '--nickname', 'x'],
    event: 'user.created',
    needsReason: true,
  },
  'identities list': { words: async () => ['identities', 'list', await person()], event: 'support.looked' },
  'identities unbind': {
    words: async () => ['identities', 'unbind', await wayOf(await person())],
    ...{ event: 'identity.unbound', asks: true, needsReason: true },
  },
  'identities move': {
    words: async () => ['identities', 'move', await wayOf(await person()), '--to', await person()],
    ...{ event: 'identity.moved', asks: true, needsReason: true },
  },
  'users password reset-link': {
    words: async () => ['users', 'password', 'reset-link', await person()],
    ...{ event: 'password.link_made', needsReason: true },
  },
  'users merge': {
    words: async () => ['users', 'merge', await person(), await person()],
    ...{ event: 'user.merged', reason: 'evidence', asks: true, needsReason: true },
  },
  'users delete': {
    words: async () => ['users', 'delete', await person()],
    ...{ event: 'user.deletion_asked', reason: 'reason', asks: true },
  },
  'users delete at once': {
    words: async () => ['users', 'delete', await person(), '--now'],
    ...{ event: 'user.deleted', reason: 'reason', asks: true },
  },
  'users undelete': {
    async words() {
      const id = await person()
      await shell.run('users', 'delete', id, '--yes')
      return ['users', 'undelete', id]
    },
    ...{ event: 'user.deletion_undone', reason: 'reason' },
  },
  'users export': { words: async () => ['users', 'export', await person(), '--json'], event: 'export.fetched' },
  'users export of all': { words: () => ['users', 'export', '--all'], event: 'users.exported' },
  audit: { words: async () => ['audit', '--user', await person()], event: 'support.looked' },
  requests: { words: () => ['requests', 'request-7'], event: 'support.looked' },
}

describe('a command of support', () => {
  test.each(Object.entries(cases))(
    '%s is in the audit with who and why, and asks first where it destroys',
    async (_, { words, event, reason = 'why', asks = false, needsReason = false }) => {
      const argv = await words()
      const before = await lastId()
      const said = [...argv, `--${reason}`, why]
      if (asks) expect(await shell.run(...said)).toMatchObject({ status: 1, stderr: expect.stringContaining('--yes') })
      if (needsReason) expect((await shell.run(...argv, ...(asks ? ['--yes'] : []))).status).toBe(1)
      expect(await lastId()).toBe(before)
      await shell.run(...said, ...(asks ? ['--yes'] : []))
      const rows = await knex()('audit_events').where('id', '>', before).andWhere({ event })
      expect(rows.length).toBeGreaterThan(0)
      for (const { detail } of rows) {
        expect(detail.operator).toBe('alice')
        expect(detail.why ?? detail.evidence).toBe(why)
      }
    },
  )
})

describe('what support reads', () => {
  test('of an account is also what was noted of those that became part of it', async () => {
    const [one, other] = [await person(), await person()]
    await shell.run('users', 'password', 'reset-link', other, '--why', 'before the merge')
    const merged = await shell.run('users', 'merge', one, other, '--keep', one, '--evidence', 'x', '--yes')
    expect(merged.status).toBe(0)
    for (const named of [one, other]) {
      const { items } = JSON.parse((await shell.run('audit', '--user', named, '--json')).stdout)
      const events = items.map((row: { event: string; user_id: string }) => `${row.user_id} ${row.event}`)
      expect(events).toContain(`${other} password.link_made`)
      expect(events.filter((each: string) => each.startsWith(one)).length).toBeGreaterThan(0)
    }
    const first = JSON.parse((await shell.run('audit', '--user', one, '--json', '--limit', '1')).stdout)
    const second = JSON.parse(
      (await shell.run('audit', '--user', one, '--json', '--limit', '500', '--after', first.next)).stdout,
    )
    const all = JSON.parse((await shell.run('audit', '--user', one, '--json', '--limit', '500')).stdout)
    const idsOf = (page: { items: readonly { id: number; event: string }[] }) =>
      page.items.filter(({ event }) => event !== 'support.looked').map(({ id }) => id)
    expect([...idsOf(first), ...idsOf(second)]).toEqual(idsOf(all))
  })

  test('by last use comes in pages that are full until the last one, however few are meant', async () => {
    const at = new Date('2019-01-01')
    await knex().raw(
      `insert into users (id, status, created_at, updated_at)
       select 'usr_' || lpad(i::text, 26, '0'), 'active', timestamptz '2019-01-01' + i * interval '1 second', :at
       from generate_series(1, 21000) i`,
      { at },
    )
    await knex().raw(
      `insert into identities (id, user_id, provider, created_at, created_ip, last_used_at, last_used_ip)
       select 'idn_listed' || i, 'usr_' || lpad(i::text, 26, '0'), 'wechat', :at, '', timestamptz '2019-06-01', ''
       from generate_series(1, 21000, 7000) i`,
      { at },
    )
    await knex().raw(
      `insert into identity_subjects (identity_id, provider, subject, position, created_at)
       select 'idn_listed' || i, 'wechat', 'openid:wx1:listed-' || i, 0, :at from generate_series(1, 21000, 7000) i`,
      { at },
    )
    const list = async (...more: string[]) =>
      JSON.parse((await shell.run('users', 'list', '--created-until', '2020-01-01', '--json', ...more)).stdout)
    const first = await list('--used-since', '2019-06-01', '--limit', '2')
    expect(first.items).toHaveLength(2)
    const second = await list('--used-since', '2019-06-01', '--limit', '2', '--after', first.next)
    expect([second.items.length, second.next]).toEqual([1, null])
    expect((await list('--used-since', '2019-06-02')).items).toEqual([])
  })
})
