import { describe, expect, expectTypeOf, test } from 'vitest'
import { param, sql, statement } from '../../src/store/statement.ts'

const given = sql`unnest(${param.textList('ids')}, ${param.floats('ends')}) as n(id, ends_at)`
const prolong = statement(
  'prolong',
  sql`update things set ends_at = n.ends_at, used_at = ${param.time('at')} from ${given}
    where things.id = n.id and used_at < ${param.time('at')} and owner = ${param.textOrNull('owner')} limit ${7}`,
)
const values = { ids: ['a'], ends: [1, 2], at: new Date(3), owner: null }

describe('a statement', () => {
  test('numbers its parameters in the order in which their names first occur, and fills them in that order', () => {
    expect(prolong.text.match(/\$\d+::\w+(\[\])?/g)).toEqual([
      '$1::timestamptz',
      '$2::text[]',
      '$3::float8[]',
      '$1::timestamptz',
      '$4::text',
    ])
    const { owner, at, ends, ids } = values
    expect(prolong.with({ owner, at, ends, ids })).toEqual({
      name: 'prolong',
      text: prolong.text,
      values: [at, ids, ends, owner],
    })
  })

  test('keeps the text between its parameters as it is', () => {
    expect(statement('one', sql`select ${'now()'}, ${param.text('a')} ${sql`where ${param.text('b')} = 1`}`).text).toBe(
      'select now(), $1::text where $2::text = 1',
    )
  })
})

describe('the compiler', () => {
  type Filled = Parameters<typeof prolong.with<typeof values>>[0]

  /** What `with` wants when it is given values of this type; `never` members are what it refuses. */
  type Wanted<Given extends typeof values> = Parameters<typeof prolong.with<Given>>[0]

  test('takes exactly the values a statement names', () => {
    expectTypeOf(values).toExtend<Filled>()
  })

  test('refuses a value that is missing', () => {
    const { owner: _, ...others } = values
    expectTypeOf(others).not.toExtend<Filled>()
  })

  test('refuses a value of another type', () => {
    expectTypeOf({ ...values, ids: 'a' }).not.toExtend<Filled>()
    expectTypeOf({ ...values, ids: [null] }).not.toExtend<Filled>()
    expectTypeOf({ ...values, at: null }).not.toExtend<Filled>()
    expectTypeOf({ ...values, ends: ['1'] }).not.toExtend<Filled>()
  })

  test('refuses a value that no parameter is named after', () => {
    const more = { ...values, more: 1 }
    expectTypeOf(more).not.toExtend<Wanted<typeof more>>()
  })

  test('refuses whatever is given for one name with two types', () => {
    const torn = statement('torn', sql`select ${param.text('a')}, ${param.float('a')}`)
    expectTypeOf<Parameters<typeof torn.with>[0]['a']>().toBeNever()
  })
})
