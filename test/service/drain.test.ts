import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'

const probeEveryMs = 500
const clients = 8

/** Spreads requests over servers as a balancer does: over connections that it keeps, to those whose last probe was good. */
class Balancer {
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

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
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

describe('a restart of two servers one after the other, behind a balancer that looks every half second', () => {
  let database: TestDatabase
  let folder: string
  beforeAll(async () => {
    database = await createDatabase()
    folder = await mkdtemp(join(tmpdir(), 'menshen-drain-'))
  })
  afterAll(async () => {
    await database.drop()
    await rm(folder, { recursive: true })
  })

  const start = (port: number) => {
    const env = {
      ISSUER: 'http://localhost:3000',
      DATABASE_URL: database.url,
      MENSHEN_SECRET_KEY: 'k'.repeat(43),
      MENSHEN_SERVER__DRAIN_SECONDS: '8',
    }
    return startServer({ cwd: folder, env: { ...env, PORT: String(port) } })
  }

  test('fails no request', { timeout: 300_000 }, async () => {
    const ports = [await freePort(), await freePort()] as const
    const servers = [await start(ports[0]), await start(ports[1])]
    const balancer = new Balancer()
    onTestFinished(async () => {
      await balancer.close()
      for (const server of servers) await server.stop('SIGKILL')
    })
    const front = await balancer.listen()
    for (const port of ports) await balancer.add(port)
    const statuses = new Map<number, number>()
    let isOver = false
    const load = Array.from({ length: clients }, async () => {
      while (!isOver) {
        const answer = await fetch(`http://127.0.0.1:${front}/.well-known/openid-configuration`)
        await answer.arrayBuffer()
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        await delay(5)
      }
    })
    for (const [index, port] of ports.entries()) {
      const old = servers[index] as ServerProcess
      const stopped = old.stop('SIGTERM')
      // It still answers while it says that it is no longer ready.
      await expect.poll(() => balancer.readyCount, { timeout: 60_000 }).toBe(1)
      const direct = await fetch(`http://127.0.0.1:${port}/jwks`)
      expect([direct.status, direct.headers.get('connection')]).toEqual([200, 'close'])
      expect(await stopped).toBe(0)
      servers[index] = await start(port)
      await expect.poll(() => balancer.readyCount, { timeout: 60_000 }).toBe(2)
    }
    isOver = true
    await Promise.all(load)
    expect([...statuses.keys()]).toEqual([200])
  })
})
