import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { UserId } from '../../src/base/ids.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { claimOf } from '../support/several.ts'

// `audit` and `requests`: what happened, for support.

let shell: Shell
let alice: UserId

beforeAll(async () => {
  shell = await openShell()
  const directory = new AccountDirectory({ database: shell.database.database, clock: Date.now })
  alice = (await directory.register(claimOf('phone', ['+8613800138000']), { ip: '::1' })).user.id
  // Several in one millisecond, and some in one microsecond.
  await shell.database.database.knex.raw(
    `insert into audit_events (at, event, user_id, client_id, ip, request_id, detail)
     select timestamptz '2026-11-01T00:00:00Z' + i / 3 * interval '1 microsecond',
       case i % 4 when 0 then 'login.failed' when 1 then 'session.ended' else 'login.succeeded' end,
       case when i % 2 = 0 then cast(:alice as text) end, case when i % 5 > 0 then 'c' || i % 5 end, '203.0.113.7',
       'request-' || i / 10, jsonb_build_object('n', i)
     from generate_series(0, 1199) i`,
    { alice },
  )
})
afterAll(() => shell.close())

const json = async (...argv: string[]) => JSON.parse((await shell.run(...argv, '--json')).stdout)
const until = ['--until', '2026-11-02']
const numbersOf = (items: readonly { detail: { n: number } }[]) => items.map(({ detail }) => detail.n)

async function pages(...filter: readonly string[]): Promise<number[]> {
  const seen: number[] = []
  let after: string[] = []
  for (let more = true; more; ) {
    const page = await json('audit', ...until, '--limit', '200', ...filter, ...after)
    seen.push(...numbersOf(page.items))
    more = page.next !== null
    after = ['--after', page.next]
  }
  return seen
}

describe('audit', () => {
  const everything = Array.from({ length: 1200 }, (_, i) => 1199 - i)
  const isAlice = (n: number) => n % 2 === 0
  const isClient = (n: number) => n % 5 === 1
  const isEvent = (n: number) => n % 4 === 1

  test.each<[string, string[], (n: number) => boolean]>([
    ['everything', [], () => true],
    ['of a user', ['--user', '+8613800138000'], isAlice],
    ['of a client', ['--client', 'c1'], isClient],
    ['of an event', ['--event', 'session.ended'], isEvent],
    ['of a client and an event', ['--client', 'c1', '--event', 'session.ended'], (n) => isClient(n) && isEvent(n)],
    ['of a user and a client', ['--user', '13800138000', '--client', 'c1'], (n) => isAlice(n) && isClient(n)],
    ['of a client that does nothing', ['--client', 'nobody'], () => false],
  ])('pages through %s, each line once, the newest first', async (_, filter, isMeant) => {
    expect(await pages(...filter)).toEqual(everything.filter(isMeant))
  })

  test('with --all --json every line is an object as it is read', async () => {
    const { stdout } = await shell.run('audit', ...until, '--all', '--json')
    expect(
      numbersOf(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ),
    ).toEqual(everything)
  })

  test('of a time', async () => {
    expect((await json('audit', '--since', '2026-11-02', ...until)).items).toEqual([])
    expect((await shell.run('audit', '--since', '2026-13-45')).stderr).toContain('--since')
  })

  test('masks addresses, and that somebody has looked is in it', async () => {
    const { stdout } = await shell.run('audit', ...until, '--limit', '3')
    expect(stdout).toContain('203.0.113.*')
    expect(stdout).not.toContain('203.0.113.7')
    expect((await json('audit', '--event', 'support.looked')).items[0]).toMatchObject({
      detail: { command: 'audit', operator: 'alice', full: false, shown: 3 },
    })
  })
})

describe('requests', () => {
  test('tells what happened under one id, in order', async () => {
    expect(numbersOf(await json('requests', 'request-7'))).toEqual([70, 71, 72, 73, 74, 75, 76, 77, 78, 79])
  })

  test('refuses an id that nothing happened under', async () => {
    expect(await shell.run('requests', 'request-none')).toMatchObject({ status: 1, stdout: '' })
    expect((await shell.run('requests', 'a b')).status).toBe(1)
  })
})
