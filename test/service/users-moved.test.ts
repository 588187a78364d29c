import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { survivorOf } from '../../src/accounts/merged-users.ts'
import { tellNobody } from '../../src/accounts/owner-messages.ts'
import type { UserId } from '../../src/base/ids.ts'
import { askToLeave } from '../../src/oidc/endings/account-leaving.ts'
import { merging } from '../../src/oidc/endings/merging.ts'
import { openShell, runCommand, type Shell } from '../support/cli.ts'
import { untilLocked } from '../support/database.ts'

let shell: Shell

beforeEach(async () => {
  shell = await openShell()
})
afterEach(() => shell.close())

const hash = '$2b$10$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq'
const number = (index: number) => `+86${13_000_000_000 + index}`

/** Accounts with all that is written in several tables. */
function accounts(count: number, more: object = {}): string {
  const rows = Array.from({ length: count }, (_, index) => ({
    external_id: `u${index}`,
    created_at: '2020-01-01T00:00:00Z',
    identities: [
      { provider: 'phone', subject: number(index), verified: true },
      { provider: 'wechat', subjects: [`unionid:o${index}`, `openid:wx1:p${index}`] },
    ],
    password: { algorithm: 'bcrypt', hash },
    ...more,
  }))
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

const importing = async (...more: string[]) => {
  const { status, stdout, stderr } = await shell.run('users', 'import', 'users.jsonl', '--json', ...more)
  if (!stdout) throw new Error(stderr)
  return { status, ...JSON.parse(stdout) }
}

const countOf = async (table: string) =>
  Number((await shell.database.database.knex(table).count<{ count: number }[]>('* as count'))[0]?.count)
const counts = async () => ({
  users: await countOf('users'),
  identities: await countOf('identities'),
  subjects: await countOf('identity_subjects'),
  passwords: await countOf('passwords'),
  imported: await countOf('imported_accounts'),
})
const whole = (count: number) => ({
  ...{ users: count, identities: 2 * count, subjects: 3 * count, passwords: count, imported: count },
})

describe('an import that was killed', () => {
  test('has left accounts that are whole, and the next one ends where it would have', async () => {
    const count = 12_000
    await shell.write('users.jsonl', accounts(count))
    const program = fileURLToPath(new URL('../../src/menshen.js', import.meta.url))
    const child = spawn(process.execPath, [program, 'users', 'import', 'users.jsonl'], {
      cwd: shell.cwd,
      env: shell.env,
      stdio: 'ignore',
    })
    await expect.poll(() => countOf('users'), { timeout: 120_000, interval: 5 }).toBeGreaterThan(0)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const left = await counts()
    expect(left).toEqual(whole(left.users))
    expect(await importing()).toMatchObject({ status: 0, problems: 0 })
    expect(await counts()).toEqual(whole(count))
    expect(await importing()).toMatchObject({ status: 0, imported: 0, unchanged: count })
  }, 300_000)
})

describe('two imports of one file at once', () => {
  test('make every account once, and neither finds a fault', async () => {
    const count = 3000
    await shell.write('users.jsonl', accounts(count))
    const both = await Promise.all([importing(), importing()])
    expect(both.map(({ status, problems }) => [status, problems])).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(both[0].imported + both[1].imported).toBe(count)
    expect(await counts()).toEqual(whole(count))
  }, 120_000)
})

describe('people who log in meanwhile', () => {
  test('have their account, and the import says that the number is theirs', async () => {
    const count = 3000
    await shell.write('users.jsonl', accounts(count))
    const { database } = shell.database
    const directory = new AccountDirectory({ database, clock: () => Date.now() })
    const logins = async () => {
      const owners: string[] = []
      for (const index of [5, 1500, 2999, 2500, 10]) {
        const claim = { provider: 'phone', subjects: [number(index)], profile: {} } as const
        owners.push((await directory.register(claim, { ip: '192.0.2.1' })).user.id)
      }
      return owners
    }
    const [owners, told] = await Promise.all([logins(), importing('--skip-invalid')])
    const { users, imported } = await counts()
    expect(users).toBe(count)
    expect(imported).toBe(count - told.problems)
    expect(told.findings.every(({ code }: { code: string }) => code === 'taken')).toBe(true)
    const found = await Promise.all(
      owners.map((_, at) =>
        directory.findByIdentifier({ provider: 'phone', subject: number([5, 1500, 2999, 2500, 10][at] ?? 0) }),
      ),
    )
    expect(found.map((each) => each?.userId)).toEqual(owners)
  }, 120_000)
})

describe('somebody who is faster by a moment', () => {
  test('keeps the number, and the row is looked at again: all others come', async () => {
    await shell.write('users.jsonl', accounts(100))
    const { knex } = shell.database.database
    const at = new Date('2020-01-01T00:00:00Z')
    const first = await knex.transaction()
    await first('users').insert({ id: 'usr_first', status: 'active', created_at: at, updated_at: at })
    const used = { verified_at: at, created_at: at, created_ip: '', last_used_at: at, last_used_ip: '' }
    await first('identities').insert({ id: 'idn_first', user_id: 'usr_first', provider: 'phone', ...used })
    const row = { provider: 'phone', subject: number(7), identity_id: 'idn_first', position: 0, created_at: at }
    await first('identity_subjects').insert(row)
    const going = importing('--skip-invalid')
    await untilLocked(knex)
    await first.commit()
    expect(await going).toMatchObject({
      ...{ status: 1, imported: 99, problems: 1 },
      findings: [{ line: 8, code: 'taken' }],
    })
    expect((await counts()).users).toBe(100)
  }, 120_000)
})

describe('somebody whose account was deleted here', () => {
  test('does not come back, and what they were called elsewhere is forgotten', async () => {
    await shell.write('users.jsonl', accounts(3))
    await importing()
    const { database } = shell.database
    const directory = new AccountDirectory({ database, clock: () => Date.now() })
    const { user_id } = await database.knex('imported_accounts').where({ external_id: 'u1' }).first()
    await directory.setStatus(user_id, 'deleted')
    expect(await importing()).toMatchObject({
      ...{ status: 0, imported: 0, unchanged: 2 },
      findings: [{ line: 2, code: 'deleted_here' }],
    })
    const names = await database.knex('imported_accounts').orderBy('external_id').pluck('external_id')
    expect(names).toEqual([expect.stringMatching(/^forgotten:[0-9a-f]{64}$/), 'u0', 'u2'])
  })
})

describe('everything that is written out', () => {
  test('is the same elsewhere for who is leaving, and for who has become part of another', async () => {
    await shell.write('users.jsonl', accounts(4))
    await importing()
    const { database } = shell.database
    const ids: UserId[] = await database.knex('imported_accounts').orderBy('external_id').pluck('user_id')
    const [leaver, locked, into, from] = ids as [UserId, UserId, UserId, UserId]
    const operator = { operator: 'alice', waitSeconds: 86_400 }
    const parts = { database, clock: Date.now, queueOwnerMessage: tellNobody }
    for (const id of [leaver, locked]) await askToLeave(parts, id, operator)
    await new AccountDirectory({ database, clock: Date.now }).setStatus(locked, 'locked')
    const merges = merging({ database, clock: Date.now, limitOf: () => undefined, tell: tellNobody })
    await merges.merge({ into, from, choices: {} }, operator)
    const written = (await shell.run('users', 'export', '--all')).stdout
    expect(written).toMatch(/"status":"leaving","deletion_at":"20/)
    expect(written).toMatch(/"status":"locked","deletion_at":"20/)
    expect(written).toContain(`"former_ids":["${from}"]`)

    const other = await openShell()
    try {
      const { knex } = other.database.database
      const rows = written.trimEnd().split('\n')
      await other.write('users.jsonl', written)
      expect((await other.run('users', 'import', 'users.jsonl')).status).toBe(0)
      expect((await other.run('users', 'export', '--all')).stdout).toBe(written)
      expect(await survivorOf(other.database.database, from)).toBe(into)
      expect(await knex('account_deletions').orderBy('user_id').pluck('user_id')).toEqual([leaver, locked].sort())
      expect((await other.run('users', 'import', 'users.jsonl', '--json')).stdout).toMatch(/"unchanged": ?3/)
      // Nobody gets an id that somebody has, and none that is not ours.
      const bad = rows.map((row) => ({
        ...JSON.parse(row),
        identities: [{ provider: 'phone', subject: '13900000001' }],
      }))
      const [first] = bad
      const asked = [
        { ...first, external_id: 'a', former_ids: [from] },
        { ...first, external_id: 'b', former_ids: ['usr_x'] },
        { ...first, external_id: 'c', status: 'leaving', deletion_at: undefined },
        { ...first, external_id: 'd', status: 'active', deletion_at: '2030-01-01T00:00:00Z' },
      ]
      await other.write('bad.jsonl', asked.map((row) => `${JSON.stringify(row)}\n`).join(''))
      const refused = await other.run('users', 'import', 'bad.jsonl', '--json')
      expect(refused.status).toBe(1)
      const { findings } = JSON.parse(refused.stdout)
      expect(findings.map(({ line, code }: { line: number; code: string }) => `${line} ${code}`).sort()).toEqual([
        ...['1 id_taken', '2 shape', '3 shape', '4 shape'],
      ])
      const twins = [1, 2].map((n) => ({
        ...{ external_id: `t${n}`, former_ids: ['usr_0000000000000000000000000a'] },
        identities: [{ provider: 'phone', subject: `1390000001${n}` }],
      }))
      await other.write('twins.jsonl', twins.map((row) => `${JSON.stringify(row)}\n`).join(''))
      expect((await other.run('users', 'import', 'twins.jsonl')).stdout).toContain('the account is there twice')
      expect(await knex('users').where({ id: 'usr_0000000000000000000000000a' })).toEqual([])
    } finally {
      await other.close()
    }
  }, 120_000)

  test('is the same after it was read in elsewhere, ids and hashes too', async () => {
    const more = { nickname: '门神', picture: 'https://example.com/a.png' }
    await shell.write(
      'users.jsonl',
      `${accounts(3, more)}${JSON.stringify({
        ...{ external_id: 'weak', status: 'locked', identities: [{ provider: 'email', subject: 'a@example.com' }] },
        password: { algorithm: 'discuz', hash: '873d756e61fdda6994f6957d21da6e84', salt: 'a1b2c3' },
      })}\n`,
    )
    await importing()
    const { status, stderr } = await shell.run('users', 'export', '--all', '--out', 'all.jsonl')
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^these 4 accounts have phone numbers/)])
    const path = join(shell.cwd, 'all.jsonl')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const written = await readFile(path, 'utf8')
    expect(written).toMatch(/"algorithm":"wrapped","hash":"\$former\$md5\(md5\(password\)\+salt\)\$/)

    const other = await openShell()
    try {
      await other.write('users.jsonl', written)
      expect((await other.run('users', 'import', 'users.jsonl')).status).toBe(0)
      const again = await other.run('users', 'export', '--all')
      expect(again.stdout).toBe(written)
    } finally {
      await other.close()
    }
  }, 120_000)

  test('is not written over what is there, and not without being asked for all', async () => {
    await shell.write('there.jsonl', 'mine')
    expect((await shell.run('users', 'export', '--all', '--out', 'there.jsonl')).status).toBe(1)
    expect(await readFile(join(shell.cwd, 'there.jsonl'), 'utf8')).toBe('mine')
    expect((await runCommand(['users', 'export'], { env: shell.env, cwd: shell.cwd })).status).toBe(2)
  })
})
