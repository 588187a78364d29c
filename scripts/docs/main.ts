// Writes the generated pages of docs/ that are stale: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs'
import { pages } from './pages.ts'

const folder = new URL('../../docs/', import.meta.url)

for (const [name, text] of Object.entries(pages())) {
  if (written(name) === text) continue
  writeFileSync(new URL(name, folder), text)
  process.stdout.write(`written docs/${name}\n`)
}

function written(name: string): string | undefined {
  try {
    return readFileSync(new URL(name, folder), 'utf8')
  } catch {
    return undefined
  }
}
