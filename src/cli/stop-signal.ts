import cluster from 'node:cluster'
import type { Log } from '../ops/log.ts'

/** Ctrl-C under `npm start` arrives twice at once: from the terminal, and from npm, which passes it on. */
const sameSignalMs = 1000

/**
 * Resolves with the exit status to end with: 0 at the first SIGTERM or SIGINT; at a later one the process ends at once.
 * A worker leaves that to the process above it, and also stops when that one is gone. 1 at an error nobody caught:
 * after it nothing is known about the state of the process, so it finishes what is in flight and ends.
 */
export function untilStopped(log: Log): Promise<number> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined
    const stop = () => {
      if (stoppedAt === undefined) {
        stoppedAt = performance.now()
        resolve(0)
      } else if (!cluster.isWorker && performance.now() - stoppedAt > sameSignalMs) process.exit(1)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    if (cluster.isWorker) process.on('disconnect', stop)
    // Rejections nobody handled arrive here too.
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'an error that nothing has caught: the process stops')
      resolve(1)
    })
  })
}
