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
  await import('./main.ts')
}
