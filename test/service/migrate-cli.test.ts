import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openShell, type Shell } from '../support/cli.ts'

let shell: Shell
beforeEach(async () => {
  shell = await openShell({ empty: true })
  const { close } = shell
  onTestFinished(close)
})

test('status finds what is missing without writing, up applies it, and then nothing is left to do', async () => {
  const missing = await shell.run('migrate', 'status')
  expect(missing.status).toBe(1)
  expect(missing.stdout).toMatch(/^20261120110000_create_accounts +missing$/m)
  expect(missing.stderr).toBe('menshen migrate up applies what is missing\n')
  const { rows } = await shell.database.database.knex.raw("select to_regclass('schema_migrations') as made")
  expect(rows).toEqual([{ made: null }])

  const applied = await shell.run('migrate', 'up', '--json')
  expect(applied.status).toBe(0)
  expect(JSON.parse(applied.stdout).applied).toContain('20261120110000_create_accounts')
  const again = await shell.run('migrate', 'up')
  expect(again).toEqual({ status: 0, stdout: 'the schema is up to date\n', stderr: '' })
  expect(await shell.run('migrate', 'status', '--json')).toMatchObject({ status: 0, stderr: '' })
  expect(existsSync(join(shell.cwd, 'data'))).toBe(false)
})

test('two at once both succeed', async () => {
  const both = await Promise.all([shell.run('migrate', 'up', '--json'), shell.run('migrate', 'up', '--json')])
  expect(both.map(({ status }) => status)).toEqual([0, 0])
  const counts = both.map(({ stdout }) => JSON.parse(stdout).applied.length).toSorted()
  expect(counts[0]).toBe(0)
  expect(counts[1]).toBeGreaterThan(0)
})

test('a newer schema is told, and left to the programs that it says it is for', async () => {
  await shell.run('migrate', 'up')
  const insert = (name: string, needs: string | null) =>
    shell.database.database.knex('schema_migrations').insert({ name, checksum: 'x', needs })
  await insert('20991231000000_add_something', null)
  const beside = await shell.run('migrate', 'status')
  expect([beside.status, beside.stderr]).toEqual([
    0,
    'the schema is newer than this program, which can go on with it\n',
  ])
  expect(beside.stdout).toMatch(/^20991231000000_add_something +newer than this version$/m)
  expect(await shell.run('migrate', 'up')).toMatchObject({ status: 0, stdout: 'the schema is up to date\n' })
  expect((await shell.run('users', 'list')).status).toBe(0)

  await insert('20991231000001_drop_something', '20991230000000_stop_using_something')
  const status = await shell.run('migrate', 'status')
  expect(status.status).toBe(1)
  expect(status.stdout).toMatch(/^20991231000001_drop_something +too new for this version$/m)
  expect(status.stderr).toContain('run the version that made it, or later')
  for (const command of [
    ['migrate', 'up'],
    ['users', 'list'],
  ]) {
    const { stderr } = await shell.run(...(command as [string, string]))
    expect(stderr).toContain('the schema is too new for this program: it has 20991231000001_drop_something')
  }
})

test('a database that is away is named as such', async () => {
  const away = { DATABASE_URL: 'postgres://menshen:canary@127.0.0.1:1/menshen' }
  const { status, stdout, stderr } = await shell.runWith(away, 'migrate', 'status')
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toContain('nothing listens at that address')
  expect(stderr).not.toContain('canary')
})
