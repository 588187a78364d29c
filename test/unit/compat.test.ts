import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { clients, seedNames } from '../../compat/clients.ts'
import { isNotRun, readResults } from '../../compat/results.ts'
import { verifiers } from '../../compat/verifiers.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const shownClients = [
  'clients/spa/index.html',
  'clients/spa/main.js',
  'clients/spring/src/main/resources/application.yaml',
  ...['App', 'Login'].map((name) => `clients/spring/src/main/java/com/example/app/${name}.java`),
]

describe('the clients of others', () => {
  test('have a row each in the page about them, and a result', () => {
    const rows = read('docs/compatibility.md').match(/^\| .*/gm) ?? []
    for (const { name } of [...clients, ...verifiers]) {
      expect(rows.filter((row) => row.startsWith(`| ${name} |`))).not.toEqual([])
    }
    const ids = [...clients, ...verifiers].map(({ id }) => id)
    expect(Object.keys(readResults()).sort()).toEqual([...ids].sort())
  })

  test('that fail with one seed name a setting, and work with it or with another seed', () => {
    const results = readResults()
    for (const { id, setting } of clients) {
      const result = results[id] ?? { notRun: 'no result' }
      if (isNotRun(result)) continue
      const outcomes = seedNames.map((seed) => result[seed]).filter((outcome) => outcome !== undefined)
      expect([id, outcomes.some((outcome) => !outcome.startsWith('fails'))]).toEqual([id, true])
      if (outcomes.some((outcome) => outcome !== 'works')) expect([id, setting]).not.toEqual([id, undefined])
    }
  })

  test('stand with the same text in the pages for apps and backends as they are run', () => {
    const pages = ['docs/apps.md', 'docs/backends.md'].map(read).join('')
    const blocks = [...pages.matchAll(/^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm)]
    const quoted = blocks.map(([, file = '']) => file)
    const shown = new Set([...verifiers.flatMap(({ files }) => files), ...shownClients].map((file) => `compat/${file}`))
    expect(quoted.sort()).toEqual([...shown].sort())
    for (const [, file = '', text] of blocks) expect(read(file)).toBe(text)
  })
})
