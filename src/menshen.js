#!/usr/bin/env node
// The `menshen` command. This file is plain JavaScript, so that a Node too old for the rest can read it and say so in
// one line.

const oldest = 24

if (Number(process.versions.node.split('.')[0]) < oldest) {
  process.stderr.write(
    `Menshen needs Node ${oldest} or newer, and this is ${process.version}: use npm run menshen -- …\n`,
  )
  process.exitCode = 1
} else {
  const [{ enableCompileCache }, { fileURLToPath }] = await Promise.all([import('node:module'), import('node:url')])
  // What was compiled once is not compiled again, which halves what a command costs. SECURITY: it lies beside the code,
  // where only those can write who can change the code; the folder for temporary files is everybody's. Where nobody can
  // write, there is no cache.
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/menshen', import.meta.url)))
  await import('./main.ts')
}
