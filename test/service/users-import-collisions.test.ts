import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openShell, type Shell } from '../support/cli.ts'
import { lines, moveIn } from '../support/moving.ts'

let shell: Shell

beforeEach(async () => {
  shell = await openShell()
})
afterEach(() => shell.close())

describe('accounts that collide', () => {
  const account = (external_id: string, ...identities: readonly object[]) => ({ external_id, identities })
  const phone = (verified: boolean, subject = '13800138000') => ({ provider: 'phone', subject, verified })
  const name = (subject: string) => ({ provider: 'username', subject })

  test.each<[string, readonly object[], readonly string[], readonly string[]]>([
    [
      'one account twice',
      [account('1', phone(true)), account('1', phone(true, '13800138001')), account('2', name('wang'))],
      ['1 external_id_twice', '2 external_id_twice'],
      ['2'],
    ],
    [
      'two that have proved one number',
      [account('1', phone(true)), account('2', phone(true), name('wang')), account('3', name('zhao'))],
      ['1 claimed_twice', '2 claimed_twice'],
      ['3'],
    ],
    [
      'one that has proved a number, and one that claims it',
      [account('1', phone(true)), account('2', phone(false), name('wang'))],
      ['2 unproved_dropped'],
      ['1', '2'],
    ],
    [
      'two that claim a number',
      [account('1', phone(false), name('li4')), account('2', phone(false), name('wang'))],
      ['1 unproved_dropped', '2 unproved_dropped'],
      ['1', '2'],
    ],
    [
      'two that claim nothing but a number',
      [account('1', phone(false)), account('2', phone(false), name('wang'))],
      ['1 no_identity', '1 unproved_dropped', '2 unproved_dropped'],
      ['2'],
    ],
    [
      'an address in small letters and in capitals',
      [
        account('1', { provider: 'email', subject: 'A@example.com', verified: true }),
        account('2', { provider: 'email', subject: 'a@Example.com', verified: true }),
      ],
      ['1 claimed_twice', '2 claimed_twice'],
      [],
    ],
    [
      'one unionid with two openids',
      [
        account('1', { provider: 'wechat', subjects: ['unionid:o1', 'openid:wx1:a'] }),
        account('2', { provider: 'wechat', subjects: ['unionid:o1', 'openid:wx2:b'] }),
      ],
      ['1 claimed_twice', '2 claimed_twice'],
      [],
    ],
  ])('are told: %s', async (_, rows, told, left) => {
    const found = await moveIn(shell, 'menshen', { 'users.jsonl': lines(...rows) }, '--skip-invalid')
    expect(found.told.map((each) => each.replace('users.jsonl:', '')).sort()).toEqual([...told].sort())
    expect(found.rows.map(({ id }: { id: string }) => id)).toEqual(left)
  })

  test('with accounts here never become a part of them', async () => {
    await moveIn(shell, 'menshen', { 'users.jsonl': lines(account('here', phone(true), name('li4'))) })
    const rows = [account('a', phone(true)), account('b', phone(false), name('wang')), account('c', phone(false))]
    const found = await moveIn(
      shell,
      'menshen',
      { 'more.jsonl': lines(...rows) },
      '--skip-invalid',
      '--source',
      'other',
    )
    expect(found.told.sort()).toEqual([
      'more.jsonl:1 taken',
      'more.jsonl:2 unproved_dropped',
      'more.jsonl:3 no_identity',
      'more.jsonl:3 unproved_dropped',
    ])
    expect(found.rows).toMatchObject([
      { id: 'b', ways: 'username=wang' },
      { id: 'here', ways: 'phone=+8613800138000 username=li4' },
    ])
  })
})
