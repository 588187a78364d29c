import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { seedFile } from './seeds.ts'

const menshen = fileURLToPath(new URL('../src/menshen.js', import.meta.url))

/** The secret of every client that has one; the server lives as long as the run. */
export const secret = 'a-secret-for-all-clients-of-this-run-only'

/** The server as an operator starts it, with its data in a temporary folder. */
export interface CompatServer {
  readonly issuer: string
  /** Where each client listens in its turn. */
  readonly origin: string
  /** For what stands behind a client that is a proxy. */
  readonly upstreamPort: number
  /** The newest code that was sent to this number. */
  otp(phone: string): Promise<string>
  close(): Promise<void>
}

/** Starts the server and registers every client. */
export async function startServer(): Promise<CompatServer> {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-compat-'))
  const [port, clientPort, upstreamPort] = [await freePort(), await freePort(), await freePort()]
  const [issuer, origin] = [`http://localhost:${port}`, `http://localhost:${clientPort}`]
  const env = { ...process.env, PORT: String(port), MENSHEN_DATA_DIR: folder, COMPAT_SECRET: secret }
  const server = spawn(process.execPath, [menshen, 'serve'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  await untilAnswered(`${issuer}/readyz`, server)
  const seed = join(folder, 'seed.json')
  await writeFile(seed, seedFile(origin))
  await promisify(execFile)(process.execPath, [menshen, 'clients', 'apply', seed, '--wait'], { env })
  return {
    issuer,
    origin,
    upstreamPort,
    async otp(phone) {
      const query = new URLSearchParams({ to: `+86${phone}` })
      const answer = await fetch(`${issuer}/sandbox/outbox?${query}`, { headers: { accept: 'application/json' } })
      const [message] = (await answer.json()) as { otp: string }[]
      if (!message) throw new Error(`no code was sent to ${phone}`)
      return message.otp
    },
    async close() {
      server.kill('SIGTERM')
      if (server.exitCode === null) await once(server, 'exit')
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Waits until something answers there that is ready; throws when the process ends before. */
export async function untilAnswered(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    const isUp = await fetch(url, { redirect: 'manual' }).then(
      ({ status }) => status < 500,
      () => false,
    )
    if (isUp) return
    await delay(100)
  }
  throw new Error(`nothing answers at ${url}`)
}

/** Whether nothing listens on this port any more. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port)
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (isListening) {
    server.close()
    await once(server, 'close')
  }
  return isListening
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
