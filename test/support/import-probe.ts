// Imports the files given, one after the other, and says which of them did something at import. Libraries may do as they please.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [root = '', ...files] = process.argv.slice(2)
const found: string[] = []

/** Notes that `what` was done, when the very code that did it is ours. */
function note(what: string): void {
  const [, ...frames] = (new Error().stack ?? '').split('\n')
  const doer = frames.find((line) => !line.includes('import-probe.ts'))
  if (doer?.includes(pathToFileURL(root).href) && !doer.includes('/node_modules/')) found.push(`${what}${doer}`)
}

function trap(holder: object, name: string): void {
  const original = Reflect.get(holder, name) as (...args: unknown[]) => unknown
  const trapped = function (this: unknown, ...args: unknown[]): unknown {
    note(name)
    return new.target ? Reflect.construct(original, args, new.target) : Reflect.apply(original, this, args)
  }
  Reflect.set(holder, name, Object.assign(trapped, original))
}

Error.stackTraceLimit = 50
for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'fetch']) trap(globalThis, name)
for (const name of ['readFileSync', 'writeFileSync', 'openSync', 'mkdirSync', 'existsSync', 'readdirSync'])
  trap(fs, name)
for (const name of ['createServer', 'connect', 'createConnection']) trap(net, name)
trap(net.Socket.prototype, 'connect')
trap(Date, 'now')
trap(process, 'on')
syncBuiltinESMExports()
const env = process.env
Object.defineProperty(process, 'env', {
  get() {
    note('process.env')
    return env
  },
})

for (const file of files) await import(pathToFileURL(join(root, file)).href)
for (const line of found) process.stdout.write(`${line.trim()}\n`)
process.stdout.write(`imported ${files.length} files\n`)
