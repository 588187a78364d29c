import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RawRow } from '../../src/moving/raw-rows.ts'
import { rowsOf } from '../../src/moving/row-reader.ts'
import { steadyFile } from '../../src/moving/steady-file.ts'
import { openShell, type Shell } from '../support/cli.ts'

// Files that cannot be read as they are, and what an import leaves behind that comes to no good end.

let shell: Shell

beforeEach(async () => {
  shell = await openShell()
})
afterEach(() => shell.close())

const lines = (...rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const phone = (subject: string) => ({ provider: 'phone', subject })
const account = (external_id: string, ...identities: readonly object[]) => ({ external_id, identities })
const whole = account('7', phone('13800138000'))
const accounts = () => shell.database.database.knex('users').select('nickname', 'status')

describe('a file', () => {
  test.each([
    ['is not there', 'nowhere.jsonl', /there is no file \/.*nowhere\.jsonl$/],
    ['is below what is no folder', 'users.jsonl/a', /there is no file/],
    ['is a folder', '.', /is a folder: name the files in it$/],
  ])('that %s is said to be so, and what was told before is whole JSON', async (_, name, sentence) => {
    await shell.write('users.jsonl', `nothing\n${lines(whole)}`)
    const told = await shell.run('users', 'import', 'users.jsonl', name, '--json', '--skip-invalid')
    expect([told.status, told.stderr.trim()]).toEqual([1, expect.stringMatching(sentence)])
    expect(JSON.parse(told.stdout)).toEqual({ findings: [], error: expect.stringMatching(sentence) })
    expect(await accounts()).toEqual([])
  })

  test('cannot be standard input, which nobody could read again', async () => {
    expect(await shell.run('users', 'import', '-')).toMatchObject({ status: 2, stdout: '' })
  })

  test('that changes while it is read is not imported', async () => {
    const path = join(shell.cwd, 'users.jsonl')
    const text = lines(...Array.from({ length: 3000 }, (_, n) => account(`${n}`, phone(`${13_700_000_000 + n}`))))
    await shell.write('users.jsonl', text)
    const file = await open(path, 'a')
    const rows: RawRow[] = []
    const steady = await steadyFile(path)
    for await (const batch of rowsOf(path, { charset: 'utf-8', listMember: undefined })) {
      if (rows.length === 0) await file.write(lines(account('late', phone('13800138009'))))
      rows.push(...batch)
    }
    await file.close()
    await expect(steady.requireUnchanged()).rejects.toThrow(/users\.jsonl was changed while it was read/)
  })

  test('may call its columns as it likes, when a map says what they are', async () => {
    await shell.write('users.csv', '编号,手机号,昵称,备注\n7,13800138000,门神,x\n')
    await shell.write('map.json', '{"编号":"external_id","手机号":"phone","昵称":"nickname","备注":null}')
    const mapped = (...more: string[]) => shell.run('users', 'import', 'users.csv', '--map', 'map.json', ...more)
    expect((await mapped('--from', 'logto')).status).toBe(2)
    expect(await mapped()).toMatchObject({ status: 0 })
    expect(await accounts()).toMatchObject([{ nickname: '门神' }])
  })

  test.each([
    ['no JSON', 'x'],
    ['a list', '["phone"]'],
    ['one name twice', '{"a":"phone","b":"phone"}'],
  ])('is not read with a map that is %s', async (_, map) => {
    await shell.write('users.csv', 'external_id,phone\n7,13800138000\n')
    await shell.write('map.json', map)
    const { status, stderr } = await shell.run('users', 'import', 'users.csv', '--map', 'map.json')
    expect([status, stderr]).toEqual([2, expect.stringContaining('--map')])
  })

  test('that ends an import in the middle leaves whole JSON too', async () => {
    await shell.write('users.jsonl', `nothing\n${lines(whole)}`)
    const { knex } = shell.database.database
    await knex.raw('alter table imported_accounts add constraint nothing check (false)')
    const told = await shell.run('users', 'import', 'users.jsonl', '--json', '--skip-invalid')
    expect(told.status).toBe(1)
    expect(JSON.parse(told.stdout)).toMatchObject({
      findings: [{ line: 1, code: 'json' }],
      error: expect.stringContaining('nothing'),
    })
    expect(await accounts()).toEqual([])
  })

  test('of accounts that cannot be written out to the end does not stay', async () => {
    await shell.write('users.jsonl', lines(whole))
    await shell.run('users', 'import', 'users.jsonl')
    const { knex } = shell.database.database
    await knex.raw('alter table passwords rename to gone')
    const told = await shell.run('users', 'export', '--all', '--out', 'all.jsonl', '--json')
    await knex.raw('alter table gone rename to passwords')
    expect(told.status).toBe(1)
    await expect(stat(join(shell.cwd, 'all.jsonl'))).rejects.toThrow('ENOENT')
  })
})
