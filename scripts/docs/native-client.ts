import { readFileSync } from 'node:fs'

const folder = new URL('../../clients/native/', import.meta.url)

/** The native client in one file that imports nothing: other toolchains know no import that ends in `.ts`. */
export function nativeClient(): string {
  const parts = ['types', 'encoding', 'solving', 'transports', 'storage', 'client'].map((part) => {
    const text = readFileSync(new URL(`${part}.ts`, folder), 'utf8')
    return text.replace(/^import [^']* from '\.\/\w+\.ts'\n/gm, '').trim()
  })
  const head = '// Written by `npm run docs` from clients/native/*.ts. To be copied: docs/native-api.md.'
  return `${[head, ...parts].join('\n\n')}\n`
}
