import { connect, createServer, type Socket } from 'node:net'
import { Redis } from 'ioredis'

/** A way to Redis that can be cut. */
export interface CutRedis {
  /** What the server is told. */
  readonly url: string
  cut(): void
  /** Mends the way; Redis has forgotten everything, as one does that keeps nothing on disk. */
  mend(): Promise<void>
  close(): void
}

/** Stands between a server and its Redis. */
export async function cuttableRedis(redisUrl: string): Promise<CutRedis> {
  const { hostname, port, pathname } = new URL(redisUrl)
  const open = new Set<Socket>()
  let isCut = false
  const between = createServer((near) => {
    if (isCut) return near.destroy()
    const far = connect(Number(port), hostname)
    for (const socket of [near, far]) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far).pipe(near)
    return undefined
  })
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
  const address = between.address()
  if (address === null || typeof address === 'string') throw new Error('there is no port')

  return {
    url: `redis://127.0.0.1:${address.port}${pathname}`,
    cut() {
      isCut = true
      for (const socket of open) socket.destroy()
    },
    async mend() {
      const redis = new Redis(redisUrl)
      await redis.flushdb()
      redis.disconnect()
      isCut = false
    },
    close() {
      for (const socket of open) socket.destroy()
      between.close()
    },
  }
}
