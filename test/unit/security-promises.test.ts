import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('SECURITY.md', root), 'utf8')
const promises = (text.split('What we promise')[1] ?? '').split(/^- /m).slice(1)

test('SECURITY.md promises something', () => {
  expect(promises.length).toBeGreaterThan(8)
})

test.each(promises.map((promise) => promise.split('\n\n')[0] as string))(
  'it is said where this is tested: %s',
  (promise) => {
    const files = [...promise.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)].map(([, path]) => path as string)
    expect(files).not.toEqual([])
    expect(files.filter((path) => !existsSync(new URL(path, root)))).toEqual([])
  },
)
