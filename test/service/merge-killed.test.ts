import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { formerIdsOf, survivorOf } from '../../src/accounts/merged-users.ts'
import type { UserId } from '../../src/base/ids.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { untilLocked } from '../support/database.ts'
import { eventually } from '../support/patience.ts'
import { claimOf } from '../support/several.ts'

// A process is killed in the middle of a merge, and of taking one back.

const program = fileURLToPath(new URL('../../src/menshen.js', import.meta.url))
const use = { ip: '203.0.113.7' }
let shell: Shell
let directory: AccountDirectory

beforeAll(async () => {
  shell = await openShell()
  directory = new AccountDirectory({ database: shell.database.database, clock: Date.now })
})
afterAll(() => shell.close())

const knex = () => shell.database.database.knex
const evidence = ['--evidence', 'ticket 4711', '--yes'] as const

/** Somebody with a number and a password. */
async function person(phone: string): Promise<UserId> {
  const { user } = await directory.register(claimOf('phone', [phone], phone), use)
  await knex()('passwords').insert({ user_id: user.id, hash: `of-${user.id}`, updated_at: new Date() })
  return user.id
}

/** Both accounts, whatever they are: by what they are reached, and all that is kept of them. */
async function stateOf(...users: readonly UserId[]) {
  const [first] = users
  const rows = (table: string) => knex()(table).whereIn('user_id', [...users])
  const accounts = await Promise.all(users.map((id) => directory.find(id)))
  return {
    users: accounts.map((account) => [account?.user.status, account?.identities.flatMap(({ subjects }) => subjects)]),
    passwords: await rows('passwords').orderBy('user_id').select('user_id', 'hash'),
    events: await rows('audit_events').orderBy('event').pluck('event'),
    merges: await knex()('merges').select('id', 'undone_at'),
    stands: await Promise.all(users.map((id) => survivorOf(shell.database.database, id))),
    former: first ? await formerIdsOf(shell.database.database, first) : [],
  }
}

/** Runs a command that gets as far as the passwords, with half of its work done, and kills it there. */
async function killedAtThePasswords(...argv: readonly string[]): Promise<void> {
  await knex().transaction(async (transaction) => {
    await transaction.raw('lock table passwords in share mode')
    const { PATH = '' } = process.env
    const child = spawn(process.execPath, [program, ...argv], { cwd: shell.cwd, env: { PATH, ...shell.env } })
    const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)))
    await untilLocked(knex())
    child.kill('SIGKILL')
    expect(await ended).toBe('SIGKILL')
  })
  // The server of the database rolls back what nobody can commit any more.
  await eventually(async () => {
    const { rows } = await knex().raw(
      `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         and xact_start is not null`,
    )
    expect(rows).toEqual([])
  })
}

test('whoever is killed in the middle leaves two whole accounts, or one, and the next one does it whole', async () => {
  const [into, from] = [await person('+8613512000001'), await person('+8613512000002')]
  const merge = ['users', 'merge', into, from, '--keep', into, '--password', from, ...evidence] as const
  const two = await stateOf(into, from)
  await killedAtThePasswords(...merge)
  expect(await stateOf(into, from)).toEqual(two)

  expect((await shell.run(...merge)).status).toBe(0)
  const one = await stateOf(into, from)
  expect(one).toMatchObject({
    users: [
      ['active', ['+8613512000001', '+8613512000002']],
      ['deleted', []],
    ],
    ...{ passwords: [{ user_id: into, hash: `of-${from}` }], stands: [into, into], former: [from] },
  })
  expect(one.events.filter((event) => event === 'user.merged')).toHaveLength(2)

  await killedAtThePasswords('users', 'unmerge', from, ...evidence)
  expect(await stateOf(into, from)).toEqual(one)

  expect((await shell.run('users', 'unmerge', from, ...evidence)).status).toBe(0)
  const again = await stateOf(into, from)
  expect(again).toMatchObject({ users: two.users, passwords: two.passwords, stands: two.stands, former: [] })
  expect(again.events.filter((event) => event === 'user.unmerged')).toHaveLength(2)
})
