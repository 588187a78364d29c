// `npm run argon2:compile`: compiles npm `argon2` for the vector instructions of today's x86 processors (AVX2), which about
// doubles the passwords that a core can check. The binary that the package brings uses none of them, so that it runs
// everywhere. Needs a C++ compiler, make and Python. A processor without AVX2 is no danger: the server tries a binary in a
// process of its own and falls back to the one that the package brings.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../node_modules/argon2', import.meta.url))
const architecture = process.argv[2] ?? 'x86-64-v3'

if (process.arch !== 'x64') {
  console.log(`nothing is compiled: npm argon2 has vector code for x64 only, and this is ${process.arch}`)
} else {
  // The headers of any Node from 16 on will do. Without any, node-gyp fetches those of this version.
  const homes = [process.execPath, process.env.npm_node_execpath].flatMap((path) => path ?? [])
  const home = [...homes.map((path) => resolve(dirname(path), '..')), '/usr/local', '/usr'].find((each) =>
    existsSync(join(each, 'include/node/node_api.h')),
  )
  const flags = `-O3 -march=${architecture}`
  const { status, error } = spawnSync('node-gyp', ['rebuild', ...(home ? [`--nodedir=${home}`] : [])], {
    cwd: folder,
    env: { ...process.env, CFLAGS: flags, CXXFLAGS: flags },
    stdio: 'inherit',
  })
  if (error) console.error(`node-gyp cannot be started (${error.message}): run this by npm, as npm run argon2:compile`)
  process.exitCode = status ?? 1
  if (status === 0) {
    // Of what the compiler leaves behind only the binary is needed.
    const release = join(folder, 'build/Release')
    for (const name of readdirSync(release)) {
      if (name !== 'argon2.node') rmSync(join(release, name), { recursive: true })
    }
    console.log(`argon2 is compiled for ${architecture}`)
  }
}
