import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { UserId } from '../../src/base/ids.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { claimOf } from '../support/several.ts'

// `users merge` and `users unmerge`: support makes one of two accounts, and two of one again.

const use = { ip: '203.0.113.7' }
const at = Date.UTC(2026, 10, 20, 10)
let shell: Shell
let directory: AccountDirectory
let people = 0
let older: UserId
let younger: UserId

beforeAll(async () => {
  shell = await openShell()
  directory = new AccountDirectory({ database: shell.database.database, clock: () => at + people })
})
afterAll(() => shell.close())
beforeEach(async () => {
  older = await person()
  younger = await person()
})

const knex = () => shell.database.database.knex
const evidence = ['--evidence', 'ticket 4711', '--yes'] as const
const merge = (...more: readonly string[]) => shell.run('users', 'merge', younger, older, ...evidence, ...more)
const unmerge = (who: string, ...more: readonly string[]) => shell.run('users', 'unmerge', who, ...evidence, ...more)

async function person(): Promise<UserId> {
  people++
  const phone = claimOf('phone', [`+86136${10_000_000 + people}`])
  return (await directory.register(phone, use)).user.id
}

test('keeps the older one unless told otherwise, and writes down who and why at both', async () => {
  const { status, stdout } = await merge('--json')
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ changed: true, into: older, from: younger, moved_identities: 1 })
  expect((await directory.find(older))?.identities).toHaveLength(2)
  const rows = await knex()('audit_events').where({ event: 'user.merged' }).whereIn('user_id', [older, younger])
  const detail = { from: younger, into: older, operator: 'alice', evidence: 'ticket 4711' }
  expect(rows).toMatchObject([{ detail }, { detail }])
  const other = await person()
  const kept = await shell.run('users', 'merge', older, other, '--keep', other, ...evidence, '--json')
  expect(JSON.parse(kept.stdout)).toMatchObject({ into: other, from: older })
})

test('the old id names the survivor in every command, and show tells of it', async () => {
  await merge()
  const shown = JSON.parse((await shell.run('users', 'show', younger, '--json')).stdout)
  expect(shown).toMatchObject({ id: older, former_ids: [younger] })
  expect((await shell.run('users', 'show', younger)).stdout).toContain(younger)
  const sessions = await shell.run('users', 'sessions', younger, '--json')
  expect([sessions.status, sessions.stdout.trim()]).toEqual([0, '[]'])
  const locked = await shell.run('users', 'lock', younger, '--json')
  expect(JSON.parse(locked.stdout)).toMatchObject({ id: older, status: 'locked' })
  expect((await shell.run('users', 'why', younger)).stdout).toContain('user.merged')
  await shell.run('users', 'unlock', older)
})

test('a trial changes nothing', async () => {
  const before = [await directory.find(older), await directory.find(younger)]
  const { status, stdout } = await merge('--dry-run', '--json')
  expect(status).toBe(3)
  expect(JSON.parse(stdout)).toMatchObject({ changed: false, would_change: true, into: older, from: younger })
  expect([await directory.find(older), await directory.find(younger)]).toEqual(before)
  expect(await knex()('merges').where({ from_user: younger })).toEqual([])
})

test('does nothing twice, and refuses without evidence, without agreement and for a locked user', async () => {
  await merge()
  expect(await merge()).toMatchObject({ status: 0, stdout: 'no changes\n' })
  expect((await shell.run('users', 'merge', older, younger, '--yes')).stderr).toContain('--evidence')
  const [a, b] = [await person(), await person()]
  const unasked = await shell.run('users', 'merge', a, b, '--evidence', 'x')
  expect([unasked.status, unasked.stderr]).toEqual([1, expect.stringContaining('--yes')])
  await shell.run('users', 'lock', b)
  const locked = await shell.run('users', 'merge', a, b, ...evidence)
  expect([locked.status, locked.stderr]).toEqual([1, expect.stringContaining('locked')])
  const strange = await shell.run('users', 'merge', a, 'usr_00000000000000000000000000', ...evidence)
  expect(strange.status).toBe(1)
})

describe('taking it back', () => {
  test('works by the old id, by the one that stayed, and by the merge', async () => {
    for (const name of [
      () => younger,
      () => older,
      async () => (await knex()('merges').where({ from_user: younger, undone_at: null }).first('id'))?.id,
    ]) {
      await merge()
      const { status, stdout } = await unmerge(await name(), '--json')
      expect(status).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        changed: true,
        into: older,
        from: younger,
        identities_back: 1,
        missing: [],
      })
      expect((await directory.find(younger))?.user.status).toBe('active')
      expect((await directory.find(younger))?.identities).toHaveLength(1)
    }
  })

  test('a trial changes nothing, and nothing is there to take back twice', async () => {
    await merge()
    expect(await unmerge(younger, '--dry-run')).toMatchObject({ status: 3 })
    expect((await directory.find(younger))?.user.status).toBe('deleted')
    await unmerge(younger)
    expect(await unmerge(younger)).toMatchObject({ status: 1, stderr: expect.stringContaining('can be taken back') })
  })
})

describe('where two operators have to want it', () => {
  const byTwo = { MENSHEN_OPS__MERGE_BY_TWO: 'true' }
  const as = (operator: string, ...more: readonly string[]) =>
    shell.runWith({ ...byTwo, SUDO_USER: operator }, 'users', 'merge', older, younger, ...evidence, ...more)

  test('the first leaves a request, nobody confirms their own, and another one does', async () => {
    expect(JSON.parse((await as('alice', '--json')).stdout)).toMatchObject({ requested: true, changed: false })
    expect((await directory.find(younger))?.user.status).toBe('active')
    expect(await as('alice')).toMatchObject({ status: 1, stderr: expect.stringContaining('another operator') })
    expect(JSON.parse((await as('bob', '--json')).stdout)).toMatchObject({ changed: true, into: older })
    const [row] = await knex()('audit_events').where({ event: 'user.merged', user_id: older })
    expect(row.detail).toMatchObject({ operator: 'alice', confirmed_by: 'bob' })
    expect(await knex()('merge_requests').where({ from_user: younger })).toEqual([])
  })

  test('a request is over after a day, and then the next one asks anew', async () => {
    await as('alice')
    await knex()('merge_requests')
      .where({ from_user: younger })
      .update({ expires_at: new Date(0) })
    expect(JSON.parse((await as('bob', '--json')).stdout)).toMatchObject({ requested: true })
    expect((await directory.find(younger))?.user.status).toBe('active')
  })
})
