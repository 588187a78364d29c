import { Agent, createServer, request as httpRequest, type Server } from 'node:http'

const probeEveryMs = 500

/** Spreads requests over servers as a balancer does: over connections that it keeps, to those whose last probe was good. */
export class Balancer {
  readonly #targets = new Map<number, { readonly agent: Agent; isReady: boolean }>()
  readonly #server: Server
  readonly #probing: NodeJS.Timeout
  #turn = 0

  constructor() {
    this.#server = createServer((incoming, outgoing) => {
      const ready = [...this.#targets].filter(([, { isReady }]) => isReady)
      this.#turn += 1
      const [port, target] = ready[this.#turn % ready.length] ?? []
      if (port === undefined || !target) return void outgoing.writeHead(503).end()
      const { method, url, headers } = incoming
      const passed = httpRequest(
        { port, host: '127.0.0.1', method, path: url, headers, agent: target.agent },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(outgoing)
        },
      )
      passed.on('error', () => outgoing.writeHead(502).end())
      incoming.pipe(passed)
    })
    this.#probing = setInterval(() => void this.probe(), probeEveryMs)
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
  }

  async add(port: number): Promise<void> {
    this.#targets.set(port, { agent: new Agent({ keepAlive: true }), isReady: false })
    await this.probe()
  }

  async probe(): Promise<void> {
    const each = [...this.#targets].map(async ([port, target]) => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
      target.isReady = answer?.status === 200
      await answer?.arrayBuffer().catch(() => undefined)
    })
    await Promise.all(each)
  }

  get readyCount(): number {
    return [...this.#targets.values()].filter(({ isReady }) => isReady).length
  }

  async close(): Promise<void> {
    clearInterval(this.#probing)
    for (const { agent } of this.#targets.values()) agent.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
