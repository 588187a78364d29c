import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const folder = new URL('docs/decisions/', root)
const names = readdirSync(folder).sort()
const texts = new Map(names.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]))

/** The heading with the number, the day, and whether the decision still stands. */
const head =
  /^# (\d+)\. .+\n\nDate: (\d{4}-\d\d-\d\d)\.\nStatus: (?:accepted|superseded by \[\d{4}\]\(\S+\))(?:, .+)?\.\n\n/

/** The records that one says it changes, or that change it, by the word it uses. */
function named(text: string, relation: string): string[] {
  const status = /^Status: .*$/m.exec(text)?.[0] ?? ''
  return [...status.matchAll(new RegExp(`${relation} \\[(\\d{4})\\]`, 'g'))].map(([, number = '']) => number)
}

function record(number: string): string {
  const name = names.find((each) => each.startsWith(`${number}-`))
  return name === undefined ? '' : (texts.get(name) ?? '')
}

describe.each(names)('the decision %s', (name) => {
  const text = texts.get(name) ?? ''

  test('says its number, a day and a status', () => {
    const found = head.exec(text)
    expect(found?.[1]).toBe(String(Number(name.slice(0, 4))))
    expect(new Date(`${found?.[2]}T00:00:00Z`).toISOString().slice(0, 10)).toBe(found?.[2])
  })

  test('is named by each record that it names as changing it, or changed by it', () => {
    const number = name.slice(0, 4)
    for (const [said, answered] of [
      ['amends', 'amended by'],
      ['amended by', 'amends'],
      ['supersedes', 'superseded by'],
      ['superseded by', 'supersedes'],
    ] as const) {
      for (const other of named(text, said))
        expect([other, named(record(other), answered)]).toEqual([other, expect.arrayContaining([number])])
    }
  })

  test('names only files that exist', () => {
    const paths = [
      ...text.matchAll(
        /`((?:src|interactions|views|sandbox|test|bench|scripts|migrations|clients)\/[\w./-]+)`|\]\((?!https?:)([^)#]+)\)/g,
      ),
    ]
    const missing = paths.filter(
      ([, path, target]) => !existsSync(path === undefined ? new URL(target ?? '', folder) : new URL(path, root)),
    )
    expect(missing.map(([all]) => all)).toEqual([])
  })
})

test('no two decisions have one number', () => {
  const numbers = names.map((name) => name.slice(0, 4))
  expect(numbers).toEqual([...new Set(numbers)])
})
