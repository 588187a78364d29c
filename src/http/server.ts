import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'

interface Dependencies {
  /** It is asked again for every request, because the provider may have been replaced. */
  readonly handler: () => (request: IncomingMessage, response: import('node:http').ServerResponse) => unknown
  readonly clean: (request: IncomingMessage) => void
}

/** An HTTP server that can be started and stopped. */
export interface HttpListener {
  readonly server: Server
  listen(options: { readonly port: number; readonly host: string }): Promise<AddressInfo>
  /**
   * Still takes what comes for some seconds, so that balancers notice; each answer says that its connection is not
   * kept. Then it takes no new connections, lets running requests finish for some more, and cuts what is left.
   */
  stop(times: { readonly drainSeconds: number; readonly withinSeconds: number }): Promise<void>
}

/** What a client is told whose request cannot be read, by the code of Node's error. */
const statuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/**
 * The public listener. It cuts off headers and bodies that come too slowly, so that no client can hold a place for
 * ever.
 */
export function httpListener({ handler, clean }: Dependencies): HttpListener {
  const times = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 }
  // Node looks for late requests only at this interval; its default is 30 seconds.
  const limits = { ...times, connectionsCheckingInterval: 5000, maxHeaderSize: 16_384 }
  let isStopping = false
  const server = createServer(limits, (request, response) => {
    clean(request)
    if (isStopping) response.setHeader('connection', 'close')
    handler()(request, response)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A browser opens connections before it needs them. One that is closed in silence is replaced; an answer on it
    // would be taken for that of the request which is on its way.
    const isUnused = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0
    if (!socket.writable || error.code === 'ECONNRESET' || isUnused) return socket.destroy()
    const status = statuses[error.code ?? ''] ?? '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    return undefined
  })

  return {
    server,
    listen: ({ port, host }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          resolve(server.address() as AddressInfo)
        })
      }),
    async stop({ drainSeconds, withinSeconds }) {
      isStopping = true
      await delay(drainSeconds * 1000)
      // On a busy machine connections wait to be taken when the time is over, and closing would cut them off. The event
      // loop takes them in this turn, after its timers.
      await turn()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      // A connection does not close by itself when its request is done, because the client may want it for another
      // request.
      const sweeper = setInterval(() => server.closeIdleConnections(), 50)
      const timer = setTimeout(() => server.closeAllConnections(), withinSeconds * 1000)
      await closed
      clearInterval(sweeper)
      clearTimeout(timer)
    },
  }
}
