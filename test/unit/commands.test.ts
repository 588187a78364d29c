import { expect, test } from 'vitest'
import { commands } from '../../src/cli/command-table.ts'
import { loadRun } from '../../src/cli/commands.ts'

test.each(commands.map((command) => [command.name, command] as const))(
  'menshen %s has the function its row names',
  async (_, command) => {
    expect(await loadRun(command)).toBeTypeOf('function')
  },
)

test('names are unique, and none is the beginning of another', () => {
  const names = commands.map(({ name }) => name)
  expect(names.filter((name) => names.some((other) => other !== name && `${other} `.startsWith(`${name} `)))).toEqual(
    [],
  )
  expect(new Set(names).size).toBe(names.length)
})

test('every summary and option is a sentence', () => {
  const texts = commands.flatMap(({ summary, options }) => [
    summary,
    ...Object.values(options).map((option) => option.summary),
  ])
  expect(texts.filter((text) => !/^[A-Z].*[.]$/.test(text))).toEqual([])
})
