import { AsyncLocalStorage } from 'node:async_hooks'
import { randomInt } from 'node:crypto'
import type { ServerResponse } from 'node:http'

type Job = () => Promise<void>

/**
 * Work that begins some random time after the answer to its request has left. SECURITY: some work is done for known
 * numbers only; nobody may notice it by waiting for the answer or by sending the next request at once.
 */
export interface AfterAnswer {
  /** Runs a request, whose jobs wait for this response. */
  during<T>(response: ServerResponse, request: () => Promise<T>): Promise<T>
  /** Leaves a job for later. Nobody waits for it; its failure, or that there is no room for it, is reported. */
  do(job: Job): void
  /** Begins what waits, and resolves when all is done. */
  close(): Promise<void>
}

interface Options {
  /** Called with what a job failed with. */
  readonly report: (error: unknown) => void
  /** Longest pause between the answer and the job. */
  readonly pauseMs?: number
  /** Jobs that may wait or run; a further one is refused. */
  readonly room?: number
}

/** Keeps jobs until the answer of their request has left, and then runs them. */
export function afterAnswer({ report, pauseMs = 500, room = 1000 }: Options): AfterAnswer {
  const responses = new AsyncLocalStorage<ServerResponse>()
  const running = new Set<Promise<void>>()
  /** Jobs that have not begun, with the pause they are in; none while the answer has not left. */
  const waiting = new Map<Job, NodeJS.Timeout | undefined>()

  function begin(job: Job): void {
    clearTimeout(waiting.get(job))
    waiting.delete(job)
    const work = responses
      .exit(job)
      .catch(report)
      .finally(() => running.delete(work))
    running.add(work)
  }

  return {
    during: (response, request) => responses.run(response, request),
    do(job) {
      if (waiting.size + running.size >= room) {
        report(new Error('there is no room for more work in the background'))
        return
      }
      const wait = () => {
        if (waiting.has(job)) waiting.set(job, setTimeout(begin, randomInt(pauseMs + 1), job))
      }
      const response = responses.getStore()
      waiting.set(job, undefined)
      if (response === undefined || response.closed) wait()
      else response.once('close', wait)
    },
    async close() {
      for (const job of waiting.keys()) begin(job)
      while (running.size > 0) await Promise.all(running)
    },
  }
}
