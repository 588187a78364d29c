import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { patienceMs } from './patience.ts'
import { guarded } from './run.ts'
import { freePort } from './services.ts'

const program = fileURLToPath(new URL('../../src/menshen.js', import.meta.url))

export interface ProcessOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** What is run; by default this checkout's `menshen serve`. */
  readonly command?: readonly [string, ...string[]]
  readonly uid?: number
}

/** A server as an operator starts it: a process, its port and what it has written. */
export interface ServerProcess {
  readonly port: number
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** Milliseconds until it said that it is ready. */
  readonly startedInMs: number
  /** Sends the signal and waits for the end; answers the exit status, or the name of the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | string>
}

export interface Ended {
  readonly status: number | string
  readonly stdout: string
  readonly stderr: string
}

/** Starts a server on a free port and waits until it is ready. It is ended with the test at the latest. */
export async function startServer(options: ProcessOptions): Promise<ServerProcess> {
  const server = await openServer(options)
  onTestFinished(async () => void (await server.stop()))
  return server
}

/** A server of several tests, whose file ends it; with the run it ends anyway. */
export async function openServer(options: ProcessOptions): Promise<ServerProcess> {
  const port = Number(options.env?.['PORT'] ?? (await freePort()))
  const began = performance.now()
  const { child, stdout, stderr, ended } = launch({ ...options, env: { PORT: String(port), ...options.env } })
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  while (!stdout().includes('is ready at')) {
    if (isOver || performance.now() - began > 2 * patienceMs) {
      child.kill('SIGKILL')
      throw new Error(`the server did not start:\n${stdout()}${stderr()}`)
    }
    await delay(10)
  }
  const startedInMs = Math.round(performance.now() - began)
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    if (!isOver) child.kill(signal)
    return ended
  }
  return { port, pid: child.pid ?? 0, stdout, stderr, startedInMs, stop }
}

/** What the helpers of the tests need to know of a server, which may stand behind another address. */
export function worldOf({ port }: Pick<ServerProcess, 'port'>, issuer = `http://localhost:${port}`) {
  return {
    issuer,
    port,
    redirectUri: `${issuer}/sandbox/callback`,
    async otp(to: string) {
      const headers = { accept: 'application/json' }
      const answer = await fetch(`http://localhost:${port}/sandbox/outbox?to=${encodeURIComponent(to)}`, { headers })
      return ((await answer.json()) as { otp: string }[])[0]?.otp ?? ''
    },
  }
}

/** Runs a command that is expected to end by itself. */
export async function runToEnd(options: ProcessOptions): Promise<Ended> {
  const { child, stdout, stderr, ended } = launch(options)
  const timer = setTimeout(() => child.kill('SIGKILL'), 2 * patienceMs)
  const status = await ended
  clearTimeout(timer)
  return { status, stdout: stdout(), stderr: stderr() }
}

interface Launched {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<number | string>
}

/** Nothing of our own environment reaches the process but the search path, the home and the temporary folder. */
function launch({ cwd, env, command = [process.execPath, program, 'serve'], uid }: ProcessOptions): Launched {
  if (!existsSync(cwd)) throw new Error(`${cwd} does not exist`)
  const { PATH = '', HOME = '' } = process.env
  const [file, ...args] = command
  const child = spawn(file, args, {
    cwd,
    detached: true,
    env: { PATH, HOME, TMPDIR: tmpdir(), MENSHEN_OPS__METRICS: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  guarded(child)
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code ?? signal ?? ''))
  })
  return { child, stdout: () => out, stderr: () => err, ended }
}
