import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AppError } from '../base/errors.ts'
import { unavailable } from '../store/unavailable.ts'
import { type Binary, binaries, type HashJob, ready } from './hash-job.ts'

interface Waiting {
  readonly job: HashJob
  readonly resolve: (tag: Uint8Array) => void
  readonly reject: (error: AppError) => void
}

/**
 * Who waits for a hash. `known`: the device has logged in to the account before. Such guests have places of their own
 * in front of all others, so that no crowd of strangers fills the queue for them.
 */
export type Guest = 'known' | 'anybody'

/** Children that derive argon2id tags, fed from a bounded queue. */
export interface HashPool {
  /** Throws `password.busy` when no more may wait, `server.unavailable` when the child died or the pool is closed. */
  run(job: HashJob, guest: Guest): Promise<Uint8Array>
  /** Throws `password.busy` when `run` would. */
  refuseWhenFull(guest: Guest): void
  /** How many wait for a child. */
  waiting(): number
  close(): Promise<void>
}

/** How many children, how many may wait for one, and who is told that a binary does not work here. */
export interface HashPoolOptions {
  readonly workers: number
  readonly maxQueue: number
  /** Called when children go on with the next slower binary. */
  readonly onFallback?: ((from: Binary, to: Binary, cause: Error) => void) | undefined
}

/**
 * A child does 20 to 60 hashes a second at the default cost; the slower figure decides when a refused caller may
 * return.
 */
const hashesPerSecond = 20

/**
 * Children start when there is work for them and are started again after they die; they keep no idle process alive, and
 * end with this one. A child that dies before it has shown that its binary works is replaced by one with the next
 * slower binary, which takes over its job.
 */
export function hashPool({ workers, maxQueue, onFallback = () => {} }: HashPoolOptions): HashPool {
  const queues: Record<Guest, Waiting[]> = { known: [], anybody: [] }
  const places: Record<Guest, number> = { known: Math.ceil(maxQueue / 4), anybody: maxQueue }
  const waiting = () => queues.known.length + queues.anybody.length
  const idle: ChildProcess[] = []
  const busy = new Map<ChildProcess, Waiting>()
  const retryAfterSeconds = Math.ceil((maxQueue + 1) / workers / hashesPerSecond)
  const stopped = new Error('the hash pool is closed')
  /** The place in `binaries` of the one that is used. */
  let fastest = 0
  let closed = false

  /** Starts a child for this job. */
  function start(first: Waiting): void {
    const place = fastest
    const child = forkChild(binaries[place] as Binary)
    let isProbed = false
    busy.set(child, first)
    child.on('message', (message: typeof ready | Uint8Array) => {
      if (message === ready) {
        isProbed = true
        const next = busy.get(child)
        if (next) child.send(next.job)
        return
      }
      busy.get(child)?.resolve(message as Uint8Array)
      busy.delete(child)
      idle.push(child)
      keepAlive(child, false)
      feed()
    })
    const bury = (cause: Error) => {
      if (!isProbed && !closed && place < binaries.length - 1) fallBack(child, place, cause)
      else busy.get(child)?.reject(unavailable(cause))
      busy.delete(child)
      const at = idle.indexOf(child)
      if (at >= 0) idle.splice(at, 1)
      feed()
    }
    child.on('error', bury)
    child.on('exit', (status, signal) => bury(new Error(`the hash child ended with ${signal ?? status}`)))
  }

  /** Gives the job of a child whose binary does not work to one with the next slower binary. */
  function fallBack(child: ChildProcess, place: number, cause: Error): void {
    if (fastest === place) {
      fastest = place + 1
      onFallback(binaries[place] as Binary, binaries[fastest] as Binary, cause)
    }
    const job = busy.get(child)
    if (job) start(job)
  }

  function feed(): void {
    while (!closed && waiting() > 0) {
      if (idle.length === 0 && busy.size >= workers) return
      const next = (queues.known.shift() ?? queues.anybody.shift()) as Waiting
      const child = idle.pop()
      if (!child) start(next)
      else {
        keepAlive(child, true)
        busy.set(child, next)
        child.send(next.job)
      }
    }
  }

  function refuseWhenFull(guest: Guest): void {
    if (busy.size >= workers && queues[guest].length >= places[guest])
      throw new AppError('password.busy', { params: { retryAfterSeconds } })
  }

  return {
    refuseWhenFull,
    waiting,
    async run(job, guest) {
      refuseWhenFull(guest)
      if (closed) throw unavailable(stopped)
      return new Promise((resolve, reject) => {
        queues[guest].push({ job, resolve, reject })
        feed()
      })
    },
    async close() {
      closed = true
      for (const { reject } of Object.values(queues).flatMap((queue) => queue.splice(0))) reject(unavailable(stopped))
      await Promise.all([...idle, ...busy.keys()].map(end))
    },
  }
}

/**
 * Starts a child that hashes with this binary. SECURITY: of the environment, with its secrets, it gets nothing. One
 * thread suffices: a child has one job at a time.
 */
export function forkChild(binary: Binary): ChildProcess {
  return fork(fileURLToPath(new URL('./hash-child.ts', import.meta.url)), [binary], {
    env: { UV_THREADPOOL_SIZE: '1', ...(binary === 'prebuilt' ? { PREBUILDS_ONLY: '1' } : {}) },
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
}

function keepAlive(child: ChildProcess, isNeeded: boolean): void {
  if (isNeeded) child.ref()
  else child.unref()
  if (isNeeded) child.channel?.ref()
  else child.channel?.unref()
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    // Without this, a process that waits for nothing else would not wait for the end.
    child.ref()
    child.kill('SIGKILL')
  })
}
