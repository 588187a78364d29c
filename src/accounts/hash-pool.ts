import { Worker } from 'node:worker_threads'
import { AppError } from '../base/errors.ts'
import { unavailable } from '../store/unavailable.ts'
import type { HashJob } from './hash-worker.ts'

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

/** Threads that derive argon2id tags, fed from a bounded queue. */
export interface HashPool {
  /** Throws `password.busy` when no more may wait, `server.unavailable` when the thread died or the pool is closed. */
  run(job: HashJob, guest: Guest): Promise<Uint8Array>
  /** Throws `password.busy` when `run` would. */
  refuseWhenFull(guest: Guest): void
  /** How many wait for a thread. */
  waiting(): number
  close(): Promise<void>
}

/**
 * A thread does 20 to 50 hashes a second at the default cost; the slower figure decides when a refused caller may
 * return.
 */
const hashesPerSecond = 20

/** Threads start when there is work for them and are started again after they die; they keep no idle process alive. */
export function hashPool({ workers, maxQueue }: { workers: number; maxQueue: number }): HashPool {
  const queues: Record<Guest, Waiting[]> = { known: [], anybody: [] }
  const places: Record<Guest, number> = { known: Math.ceil(maxQueue / 4), anybody: maxQueue }
  const waiting = () => queues.known.length + queues.anybody.length
  const idle: Worker[] = []
  const busy = new Map<Worker, Waiting>()
  const retryAfterSeconds = Math.ceil((maxQueue + 1) / workers / hashesPerSecond)
  const stopped = new Error('the hash pool is closed')
  let closed = false

  function start(): Worker {
    const worker = new Worker(new URL('./hash-worker.ts', import.meta.url), { execArgv: [], env: {} })
    worker.on('message', (tag: Uint8Array) => {
      busy.get(worker)?.resolve(tag)
      busy.delete(worker)
      idle.push(worker)
      worker.unref()
      feed()
    })
    worker.on('error', (error) => bury(worker, error))
    worker.on('exit', (status) => bury(worker, new Error(`hash worker exited with ${status}`)))
    return worker
  }

  function bury(worker: Worker, cause: unknown): void {
    busy.get(worker)?.reject(unavailable(cause))
    busy.delete(worker)
    const place = idle.indexOf(worker)
    if (place >= 0) idle.splice(place, 1)
    feed()
  }

  function feed(): void {
    while (!closed && waiting() > 0) {
      const worker = idle.pop() ?? (busy.size < workers ? start() : undefined)
      const next = worker && (queues.known.shift() ?? queues.anybody.shift())
      if (!next) return
      worker.ref()
      busy.set(worker, next)
      worker.postMessage(next.job)
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
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()))
    },
  }
}
