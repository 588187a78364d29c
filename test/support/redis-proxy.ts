import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { pairSockets } from './paired-sockets.ts'

/** Something between a client and a Redis that passes on what it is told to. */
export interface RedisProxy {
  readonly port: number
  /** Where what is passed on goes. */
  target: number
  /** From now on the answers of Redis wait, until they are released. */
  hold(): void
  release(): void
  /** Changes each answer on its way; a text of another length would break the protocol. */
  rewrite: (answer: string) => string
  /** Cuts the connection on which this command comes once Redis has answered it, in the place of the answer. */
  cutAfter(command: string): void
  close(): Promise<void>
}

export async function redisProxy(target: number): Promise<RedisProxy> {
  const sockets = new Set<Socket>()
  let held: (() => void)[] | undefined
  let cutting: string | undefined
  const server = createServer((client) => {
    const redis = connect(proxy.target, '127.0.0.1')
    let isCut = false
    pairSockets(sockets, client, redis)
    client.on('data', (bytes) => {
      if (cutting !== undefined && bytes.toString('latin1').toUpperCase().includes(cutting)) {
        cutting = undefined
        isCut = true
      }
      redis.write(bytes)
    })
    redis.on('data', (bytes) => {
      if (isCut) return void client.destroy()
      const pass = () => void client.write(Buffer.from(proxy.rewrite(bytes.toString('latin1')), 'latin1'))
      if (held) held.push(pass)
      else pass()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: RedisProxy = {
    port: (server.address() as AddressInfo).port,
    target,
    hold() {
      held = []
    },
    release() {
      const waiting = held ?? []
      held = undefined
      for (const pass of waiting) pass()
    },
    rewrite: (answer) => answer,
    cutAfter(command) {
      cutting = command
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
