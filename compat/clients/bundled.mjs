// Runs a program whose packages Node cannot import as they are, bundled.
import { rm, writeFile } from 'node:fs/promises'
import { buildSync } from 'esbuild'

const [{ contents }] = buildSync({
  entryPoints: [process.argv[2]],
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
  banner: { js: "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)" },
}).outputFiles
const program = new URL(`./.bundled-${process.pid}.mjs`, import.meta.url)
await writeFile(program, contents)
try {
  await import(program)
} finally {
  await rm(program)
}
