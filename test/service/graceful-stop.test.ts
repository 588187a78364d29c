import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { httpListener } from '../../src/http/server.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { codeVerifier, loginBySms, startLogin } from '../support/login.ts'
import { eventually, patienceMs } from '../support/patience.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { Visitor } from '../support/visitor.ts'

let database: TestDatabase
let folder: string
beforeAll(async () => {
  database = await createDatabase()
  folder = await mkdtemp(join(tmpdir(), 'menshen-stop-'))
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true })
})

const clientId = 'sandbox-demo'

async function start(more: Readonly<Record<string, string>> = {}): Promise<ServerProcess & { issuer: string }> {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const env = {
    ...{ PORT: String(port), DATABASE_URL: database.url, REDIS_URL: inject('services').redisUrl, ...more },
    ...{ MENSHEN_SECRET_KEY: 'k'.repeat(43), MENSHEN_DATA_DIR: folder },
  }
  return { ...(await startServer({ cwd: folder, env })), issuer }
}

/** A connection of our own, to say half of something. */
async function open(port: number): Promise<{ socket: Socket; said: () => string; closed: Promise<void> }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()).on('error', () => resolve()))
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return { socket, said: () => text, closed }
}

/** Waits until the listener is gone. */
async function untilRefused(port: number): Promise<void> {
  await eventually(async () => {
    const opened = await open(port).catch(() => undefined)
    opened?.socket.destroy()
    if (opened) throw new Error('the server still takes connections')
  })
}

test.each(['1', '2'])(
  'a request in flight is finished, nothing else is begun, with %s process(es)',
  async (workers) => {
    const server = await start({ WORKERS: workers, MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 9, seconds: 60 }]' })
    const { issuer, port } = server
    const code = await login(server)

    const body = new URLSearchParams({
      ...{ grant_type: 'authorization_code', client_id: clientId, code, code_verifier: codeVerifier },
      redirect_uri: `${issuer}/sandbox/callback`,
    }).toString()
    const exchange = await open(port)
    exchange.socket.write(
      `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n` +
        body.slice(0, 10),
    )
    const probe = await open(port)
    probe.socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n')
    for (let n = 0; n < 4; n++)
      expect((await fetch(`${issuer}/livez`, { headers: { connection: 'close' } })).status).toBe(200)

    const stopped = server.stop('SIGTERM')
    await untilRefused(port)
    probe.socket.write('\r\n')
    await probe.closed
    expect(probe.said()).toMatch(/^HTTP\/1\.1 503 /)
    exchange.socket.write(body.slice(10))
    await exchange.closed
    expect(exchange.said()).toMatch(/^HTTP\/1\.1 200 /)
    expect(exchange.said()).toContain('"access_token"')
    expect(await stopped).toBe(0)
  },
)

async function login({ issuer, port }: { issuer: string; port: number }): Promise<string> {
  const outbox = async (to: string) => {
    const answer = await fetch(`${issuer}/sandbox/outbox?to=${encodeURIComponent(to)}`, {
      headers: { accept: 'application/json' },
    })
    return ((await answer.json()) as { otp: string }[])[0]?.otp ?? ''
  }
  const request = startLogin({ issuer }, clientId, `${issuer}/sandbox/callback`)
  const back = await loginBySms({ issuer, port, otp: outbox }, new Visitor(issuer, port), request, '13800138000')
  return back.url.searchParams.get('code') ?? ''
}

/** A server that has so many seconds for stopping and a request that never ends. */
async function busy(shutdownSeconds: string): Promise<ServerProcess & { issuer: string }> {
  const server = await start({ MENSHEN_SERVER__SHUTDOWN_SECONDS: shutdownSeconds })
  const endless = await open(server.port)
  endless.socket.write('POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n')
  expect((await fetch(`${server.issuer}/livez`)).status).toBe(200)
  return server
}

test('a request that never ends is cut when the time for stopping is over', async () => {
  const [long, short] = await Promise.all(['600', '1'].map(busy))
  const began = performance.now()
  const ends = [long, short].map(async (server) => [server, await server?.stop('SIGTERM')])
  expect(await Promise.race(ends)).toEqual([short, 0])
  expect(performance.now() - began).toBeGreaterThan(900)
  await long?.stop('SIGKILL')
})

test('the echo of a signal is none, a second one ends the process at once', async () => {
  const server = await busy('600')
  const began = performance.now()
  let status: number | string | undefined
  // Ctrl-C under `npm start` comes twice at once; a person who presses it again later means it.
  while (status === undefined && performance.now() - began < patienceMs) {
    status = await Promise.race([server.stop('SIGINT'), delay(100).then(() => undefined)])
  }
  expect(status).toBe(1)
  expect(performance.now() - began).toBeGreaterThan(900)
})

test.each(["Promise.reject(new Error('lost'))", "{ throw new Error('lost') }"])(
  'an error nobody caught is logged, what is in flight is finished, and the process ends with 1: %s',
  async (failure) => {
    const code = encodeURIComponent(`process.on('SIGUSR2', () => ${failure})`)
    const server = await start({ NODE_OPTIONS: `--import=data:text/javascript,${code}`, MENSHEN_LOG__FORMAT: 'json' })
    const probe = await open(server.port)
    probe.socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n')
    expect((await fetch(`${server.issuer}/livez`, { headers: { connection: 'close' } })).status).toBe(200)
    const ended = server.stop('SIGUSR2')
    await untilRefused(server.port)
    probe.socket.write('\r\n')
    await probe.closed
    expect(probe.said()).toMatch(/^HTTP\/1\.1 200 /)
    expect(await ended).toBe(1)
    const lines = server.stdout().split('\n')
    const fatal = lines.filter((line) => line.includes('"level":"fatal"')).map((line) => JSON.parse(line))
    expect(fatal).toMatchObject([{ err: { message: 'lost' } }])
  },
)

/** Sends a request when it is told to, notes that it was let in, and says what it was answered. */
const visitor = `
  const { parentPort, workerData: { port, isIn } } = require('node:worker_threads')
  parentPort.once('message', () => {
    const socket = require('node:net').connect(port, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n')
      Atomics.store(isIn, 0, 1)
      Atomics.notify(isIn, 0)
    })
    socket.on('data', (bytes) => parentPort.postMessage(String(bytes)))
    socket.on('error', ({ code }) => parentPort.postMessage(code))
  })`

test('who has come while the process had no time for anybody is answered, although the time for draining is over', async () => {
  const listener = httpListener({ handler: () => (_, response) => response.end('served'), clean: () => {} })
  const { port } = await listener.listen({ port: 0, host: '127.0.0.1' })
  const isIn = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(visitor, { eval: true, workerData: { port, isIn } })
  onTestFinished(async () => void (await worker.terminate()))
  await once(worker, 'online')
  const answered = once(worker, 'message')
  const stopped = listener.stop({ drainSeconds: 0.01, withinSeconds: 30 })
  worker.postMessage('go')
  // Nothing else happens in this process until somebody is at the door, and for a while after that.
  Atomics.wait(isIn, 0, 0, patienceMs)
  Atomics.wait(isIn, 0, 1, 50)
  expect((await answered)[0]).toMatch(/^HTTP\/1\.1 200 /)
  await stopped
})
