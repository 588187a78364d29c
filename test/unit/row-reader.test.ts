import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csvRows } from '../../src/moving/csv-rows.ts'
import { jsonLines, jsonList } from '../../src/moving/json-rows.ts'
import { readMoment } from '../../src/moving/moments.ts'
import { readAccount } from '../../src/moving/neutral-account.ts'
import type { RawRow } from '../../src/moving/raw-rows.ts'
import { tableOf } from '../../src/moving/row-reader.ts'

/** A text in pieces, as a file comes. */
async function* pieces(text: string, sizes: readonly number[]): AsyncGenerator<string> {
  let at = 0
  for (let index = 0; at < text.length; index++) {
    const cut = sizes[index % sizes.length] ?? 1
    // A decoder never ends a piece inside of a character.
    const size = /[\ud800-\udbff]/.test(text[at + cut - 1] ?? '') ? cut + 1 : cut
    yield text.slice(at, at + size)
    at += size
  }
}

async function all(rows: AsyncIterable<readonly RawRow[]>): Promise<RawRow[]> {
  const found: RawRow[] = []
  for await (const batch of rows) found.push(...batch)
  return found
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })
const member = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((text) => !/[\0\uFFFD]/.test(text) && text.isWellFormed())
const value = fc.oneof(
  member,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.dictionary(member, fc.integer()), { maxLength: 2 }),
)
const record = fc.dictionary(
  member.filter((name) => name !== '__proto__'),
  value,
  { maxKeys: 5 },
)
const records = fc.array(record, { maxLength: 6 })
const plain = (rows: readonly RawRow[]) => rows.map((row) => ('record' in row ? row.record : row.problem))

describe('rows of a file', () => {
  test('are the objects that were written, a line each, wherever the pieces end', async () => {
    await fc.assert(
      fc.asyncProperty(records, sizes, fc.constantFrom('\n', '\r\n'), async (written, cut, end) => {
        const text = written.map((each) => JSON.stringify(each)).join(end)
        const rows = await all(jsonLines(pieces(text, cut)))
        expect(plain(rows)).toEqual(written)
        expect(rows.map(({ line }) => line)).toEqual(written.map((_, index) => index + 1))
      }),
    )
  })

  test.each([undefined, 'users'])('are the objects of a list, wherever the pieces end (member %s)', async (name) => {
    await fc.assert(
      fc.asyncProperty(records, sizes, fc.constantFrom(undefined, 2), async (written, cut, indent) => {
        const around = { groups: [{ users: [{ not: 'this' }] }], users: written, more: [{ nor: 'that' }] }
        const text = JSON.stringify(name === undefined ? written : around, undefined, indent)
        expect(plain(await all(jsonList(pieces(text, cut), name)))).toEqual(written)
      }),
    )
  })

  test('of columns are the fields that were written', async () => {
    const field = member.filter((text) => !['', '\\N', 'NULL'].includes(text))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { maxLength: 6 }), sizes, async (written, cut) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
        const text = [['a', 'b'], ...written].map((row) => row.map(quoted).join(',')).join('\n')
        const rows = await all(csvRows(pieces(text, cut), ','))
        expect(plain(rows)).toEqual(written.map(([a, b]) => ({ a, b })))
      }),
    )
  })

  test('are rows or problems with a line, whatever a file has in it', async () => {
    const anything = fc.string({
      unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', '\n', 'a', '1', ' ', '\0'),
    })
    await fc.assert(
      fc.asyncProperty(anything, sizes, async (text, cut) => {
        const found = [
          ...(await all(jsonLines(pieces(text, cut)))),
          ...(await all(jsonList(pieces(text, cut), undefined))),
          ...(await all(jsonList(pieces(text, cut), 'users'))),
          ...(await all(csvRows(pieces(text, cut), ','))),
        ]
        const lines = text.split('\n').length
        for (const { line } of found) expect(line >= 1 && line <= lines + 1).toBe(true)
      }),
    )
  })

  test('become accounts or findings, whatever is in them', () => {
    const reading = {
      nowMs: Date.parse('2026-11-29T00:00:00Z'),
      country: '86',
      secretNames: new Set<string>(),
      keepsIds: true,
    }
    const odd = fc.oneof(
      fc.anything(),
      fc.record(
        {
          external_id: fc.anything(),
          identities: fc.array(
            fc.record(
              {
                provider: fc.constantFrom('phone', 'email', 'username', 'wechat', 'x:y', ''),
                subject: fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.anything()),
                verified: fc.anything(),
              },
              { requiredKeys: ['provider'] },
            ),
          ),
          password: fc.anything(),
          created_at: fc.anything(),
        },
        { requiredKeys: ['external_id', 'identities'] },
      ),
    )
    fc.assert(
      fc.property(odd, (given) => {
        const { account, findings } = readAccount(given, reading)
        expect(account !== undefined || findings.length > 0).toBe(true)
        for (const { subjects } of account?.identities ?? [])
          expect(subjects.every((each) => each.length > 0 && !each.includes('\0') && each.isWellFormed())).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('that are too long are passed over, and the next ones are read', async () => {
    const long = JSON.stringify({ a: 'x'.repeat(3_000_000) })
    const lines = await all(jsonLines(pieces(`{"n":1}\n${long}\n{"n":2}\n`, [262_144])))
    expect(plain(lines)).toEqual([{ n: 1 }, 'too_long', { n: 2 }])
    const list = await all(jsonList(pieces(`[{"n":1},\n${long},\n{"n":2}]`, [262_144]), undefined))
    expect(list.map(({ line }) => line)).toEqual([1, 2, 3])
    expect(plain(list)).toEqual([{ n: 1 }, 'too_long', { n: 2 }])
  })

  test.each<[string, string, string]>([
    ['columns that are there twice', 'a,a\n1,2', '1 duplicate_column'],
    ['another number of columns', 'a,b\n1,2,3', '2 columns'],
    ['a quotation mark that is never closed', 'a,b\n1,"2\n3,4', '3 csv'],
    ['a NUL', 'a,b\n1,\0', '2 nul'],
    ['a NUL in a name', 'a,b\0\n1,2', '1 nul'],
    ['a name that is no text', 'a,\uFFFD\n1,2', '1 charset'],
  ])('of columns are refused for %s', async (_, text, told) => {
    const found = await all(csvRows(pieces(text, [7]), ','))
    expect(found.map((row) => `${row.line} ${'problem' in row ? row.problem : ''}`)).toEqual([told])
  })

  test.each<[string, string]>([
    ['[{"a":1', '1 unclosed'],
    ['{"groups":[]}', '1 no_list'],
    ['{"users":[1]}', '1 not_an_object'],
  ])('of the document %s are refused', async (text, told) => {
    const found = await all(jsonList(pieces(text, [3]), text.startsWith('[') ? undefined : 'users'))
    expect(found.map((row) => `${row.line} ${'problem' in row ? row.problem : ''}`)).toEqual([told])
  })
})

test.each<[string | number, string | undefined]>([
  ['2020-05-06T07:08:09Z', '2020-05-06T07:08:09.000Z'],
  ['2020-05-06T07:08:09.123+08:00', '2020-05-05T23:08:09.123Z'],
  ['2020-05-06 07:08:09+00', '2020-05-06T07:08:09.000Z'],
  ['2020-05-06 07:08:09', '2020-05-05T23:08:09.000Z'],
  ['2020-05-06', '2020-05-05T16:00:00.000Z'],
  [1_588_748_889, '2020-05-06T07:08:09.000Z'],
  [1_588_748_889_000, '2020-05-06T07:08:09.000Z'],
  ['1588748889', '2020-05-06T07:08:09.000Z'],
  ['0000-00-00 00:00:00', undefined],
  ['06/05/2020', undefined],
  ['soon', undefined],
  [0, undefined],
  [Number.NaN, undefined],
  [1e300, undefined],
])('the time %s is read as %s', (given, iso) => {
  expect(readMoment(given)?.toISOString()).toBe(iso)
})

test.each([
  ['/a/wp_users.csv', 'users'],
  ['users.2026.jsonl', 'users'],
  ['wp_usermeta.csv', 'usermeta'],
  ['PRE_UCENTER_MEMBERS.CSV', undefined],
  ['others.csv', undefined],
])('the file %s has the rows of the table %s', (path, table) => {
  expect(tableOf(path, ['users', 'usermeta'])).toBe(table)
})
