import cluster from 'node:cluster'

/** Ctrl-C under `npm start` arrives twice at once: from the terminal, and from npm, which passes it on. */
const sameSignalMs = 1000

/**
 * Resolves at the first SIGTERM or SIGINT; at a later one the process ends at once. A worker leaves that to the process above it,
 * and also stops when that one is gone.
 */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined
    const stop = () => {
      if (stoppedAt === undefined) {
        stoppedAt = performance.now()
        resolve()
      } else if (!cluster.isWorker && performance.now() - stoppedAt > sameSignalMs) process.exit(1)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    if (cluster.isWorker) process.on('disconnect', stop)
  })
}
