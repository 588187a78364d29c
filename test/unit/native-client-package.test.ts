import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const folder = new URL('clients/native/', root)
const read = (path: URL) => JSON.parse(readFileSync(path, 'utf8'))

test('the native client has the version and the licence of the product, and is not published', () => {
  const [own, product] = [read(new URL('package.json', folder)), read(new URL('package.json', root))]
  expect(own).toMatchObject({ name: '@menshen/native-client', version: product.version, license: product.license })
  expect(own).toMatchObject({ private: true, type: 'module' })
})

test('every file of the native client is exported under its name, and described', () => {
  const { exports } = read(new URL('package.json', folder)) as { exports: Record<string, string> }
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  expect(Object.values(exports).toSorted()).toEqual(files.map((name) => `./${name}`).toSorted())
  expect(Object.values(exports).every((path) => existsSync(new URL(path, folder)))).toBe(true)
  const page = readFileSync(new URL('README.md', folder), 'utf8')
  expect(files.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
