import { describe, expect, test } from 'vitest'
import { readArguments } from '../../src/cli/arguments.ts'
import { commands } from '../../src/cli/command-table.ts'

const read = (name: string, ...words: string[]) => {
  const command = commands.find((each) => each.name === name)
  if (!command) throw new Error(`no command ${name}`)
  const { args, flags, problem } = readArguments(command, words) as {
    args?: string[]
    flags?: object
    problem?: string
  }
  return problem ?? [args, { ...flags }]
}

const session = '-RU_P9x0kQmW3sTzL5vBnYc7HdJf1GaEo2iKrMuXlD8'
const grant = '--U_P9x0kQmW3sTzL5vBnYc7HdJf1GaEo2iKrMuXlD8'

describe('an id is taken as it was printed, whatever it begins with', () => {
  test.each([session, grant, '-abc', '--9x0kQmW3sT', '-', '---x0kQmW3sT', 'usr_x'])('as an argument: %s', (id) => {
    expect(read('users why', id)).toEqual([[id], {}])
    expect(read('users why', '--json', id)).toEqual([[id], { json: true }])
    expect(read('users why', id, '--client', 'web', '--json')).toEqual([[id], { client: 'web', json: true }])
    expect(read('keys retire', id, '--now')).toEqual([[id], { now: true }])
  })

  test.each([session, grant, '-', '-abc'])('as the value of an option: %s', (id) => {
    expect(read('users revoke', 'alice', '--session', id, '--dry-run')).toEqual([
      ['alice'],
      { session: id, 'dry-run': true },
    ])
    expect(read('users revoke', `--session=${id}`, 'alice')).toEqual([['alice'], { session: id }])
    expect(read('users revoke', '--session', id, session)).toEqual([[session], { session: id }])
  })

  test('and all of several, in their order', () => {
    expect(read('clients apply', 'b.yaml', '--prune', '-a.yaml', '--', '--c.yaml', '--prune')).toEqual([
      ['b.yaml', '-a.yaml', '--c.yaml', '--prune'],
      { prune: true },
    ])
  })
})

describe('what is no id is', () => {
  test.each([
    ['an option that is not there', ['alice', '--jsno'], 'there is no option --jsno; did you mean --json?'],
    ['a dash too few', ['alice', '-json'], 'there is no option -json; did you mean --json?'],
    ['a dash too few before the name', ['-dry-run', 'alice'], 'there is no option -dry-run; did you mean --dry-run?'],
    ['the short form of help', ['-h'], 'there is no option -h'],
    ['an option without its value', ['alice', '--session', '--json'], 'option --session: argument missing'],
    ['an option without its value at the end', ['alice', '--session'], 'option --session: argument missing'],
    ['no value before the end of options', ['--session', '--', 'a'], 'option --session: argument missing'],
    ['a name every object has', ['alice', '--toString'], 'there is no option --toString'],
    ['one too many', ['alice', '-bob'], '"-bob" is too much'],
    ['nothing at all', ['--json'], 'something is missing'],
  ])('refused: %s', (_, words, problem) => {
    expect(read('users revoke', ...words)).toBe(problem)
  })
})
