import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/services.ts'
import { type Program, startProgram } from './program.ts'

/** `menshen serve` as operators run it: a process of its own, with what is below it. */
export interface Served extends Program {
  readonly port: number
}

const program = fileURLToPath(new URL('../src/menshen.js', import.meta.url))

/** What the image sets for the heap of a process. */
export function shippedHeapCap(): string {
  return heapCapIn(readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8'))
}

/** The `NODE_OPTIONS` of a Dockerfile; throws when it has none. */
export function heapCapIn(dockerfile: string): string {
  const found = /^ENV NODE_OPTIONS="([^"]*--max-old-space-size=\d+[^"]*)"$/m.exec(dockerfile)
  if (found?.[1] === undefined) throw new Error('the Dockerfile caps no heap')
  return found[1]
}

/** Starts the server with these settings, and resolves when it is ready. */
export async function serve(env: (port: number) => Readonly<Record<string, string>>, folder: string): Promise<Served> {
  const port = await freePort()
  const started = await startProgram({
    command: process.execPath,
    args: [program, 'serve'],
    env: { MENSHEN_SERVER__DRAIN_SECONDS: '0', ...env(port) },
    folder,
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  })
  return { port, ...started }
}
