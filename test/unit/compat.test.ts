import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { clients, verifiers } from '../../compat/clients.ts'
import { readResults } from '../../compat/results.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

describe('the clients of others', () => {
  test('have a row each in the page about them, and a result', () => {
    const rows = read('docs/compatibility.md').match(/^\| .*/gm) ?? []
    for (const { name } of [...clients, ...verifiers]) {
      expect(rows.filter((row) => row.startsWith(`| ${name} |`))).not.toEqual([])
    }
    const ids = [...clients, ...verifiers].map(({ id }) => id)
    expect(Object.keys(readResults()).sort()).toEqual([...ids].sort())
  })

  test('stand with the same text in the page for backends as they are run', () => {
    const blocks = [...read('docs/backends.md').matchAll(/^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm)]
    expect(blocks).toHaveLength(verifiers.length)
    for (const [, file = '', text] of blocks) expect(read(file)).toBe(text)
  })
})
