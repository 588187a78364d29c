// `npm run program:compile -- [user id]`: compiles the program once for the user who will run it, so that no start has to,
// which is the half of a start. Node keeps it for each user by itself, and reads what somebody else may not change; the one
// who runs the server need not be able to write anything.
import { chmodSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const user = process.argv[2] ?? String(process.getuid())
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'node_modules/.cache/menshen')

rmSync(folder, { recursive: true, force: true })
enableCompileCache(folder)
for (const part of ['cli/commands.ts', 'cli/workers.ts', 'build/app.ts', 'store/redis.ts']) {
  await import(join(root, 'src', part))
}
flushCompileCache()

for (const name of readdirSync(folder)) {
  const ofUser = name.replace(/-\d+$/, `-${user}`)
  renameSync(join(folder, name), join(folder, ofUser))
  chmodSync(join(folder, ofUser), 0o755)
  for (const file of readdirSync(join(folder, ofUser))) chmodSync(join(folder, ofUser, file), 0o644)
}
console.log(`the program is compiled for user ${user}`)
