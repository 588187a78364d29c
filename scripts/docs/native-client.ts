import { readFileSync } from 'node:fs'

const demo = new URL('../../sandbox/demo/', import.meta.url)

/** The client of the sandbox in one file that imports nothing: other toolchains know no import that ends in `.ts`. */
export function nativeClient(): string {
  const parts = ['types', 'encoding', 'transports', 'storage', 'client'].map((part) => {
    const text = readFileSync(new URL(`native-${part}.ts`, demo), 'utf8')
    return text.replace(/^import [^']* from '\.\/native-\w+\.ts'\n/gm, '').trim()
  })
  const head = '// Written by `npm run docs` from sandbox/demo/native-*.ts. To be copied: docs/native-api.md.'
  return `${[head, ...parts].join('\n\n')}\n`
}
