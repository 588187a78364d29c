import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../src/base/clock.ts'
import { isSameSecret } from '../../src/base/same-secret.ts'

/** What the simulated shop says when it is asked whether somebody may leave. */
export type HookMood = 'allows' | 'open_orders' | 'slow' | 'wrong'

/** An operator's own system, as docs/accounts.md describes it. */
export interface HookSimulator {
  readonly url: string
  readonly secret: string
  /** What it was asked and took for genuine: the body of each question. */
  readonly questions: unknown[]
  mood: HookMood
  close(): Promise<void>
}

const freshSeconds = 300
/** Longer than whoever asks may wait. */
const slowMs = 4000

/**
 * Starts a shop that is asked before an account is deleted. It is strict: what is not signed with its secret, is older
 * than five minutes, or is no question it knows, it refuses.
 */
export async function startDeletionHook({ secret, clock, ordersUrl }: HookOptions): Promise<HookSimulator> {
  const server = createServer(async (request, response) => {
    const say = (status: number, answer: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    const body = await readAll(request)
    if (request.method !== 'POST') return say(405, { error: 'method' })
    if (request.headers['content-type'] !== 'application/json') return say(415, { error: 'content type' })
    if (!isGenuine(String(request.headers['menshen-signature']), body)) return say(401, { error: 'signature' })
    const question = JSON.parse(body) as Readonly<Record<string, unknown>>
    if (question['type'] !== 'account_deletion' || !/^usr_/.test(String(question['sub']))) {
      return say(400, { error: 'question' })
    }
    simulator.questions.push(question)
    const { mood } = simulator
    if (mood === 'slow') setTimeout(() => say(200, { allow: true }), slowMs).unref()
    else if (mood === 'wrong') say(200, { allowed: 'yes' })
    else if (mood === 'open_orders') say(200, { allow: false, reason: openOrders, link: ordersUrl })
    else say(200, { allow: true })
  })

  function isGenuine(header: string, body: string): boolean {
    const [, time = '', digest = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header) ?? []
    if (time === '' || Math.abs(clock() / 1000 - Number(time)) > freshSeconds) return false
    const own = createHmac('sha256', secret).update(`${time}.${body}`).digest()
    return isSameSecret(Buffer.from(digest, 'hex'), own)
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const simulator: HookSimulator = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/may-leave`,
    secret,
    questions: [],
    mood: 'allows',
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
  return simulator
}

interface HookOptions {
  readonly secret: string
  readonly clock: Clock
  /** Where somebody finds their orders; https. */
  readonly ordersUrl: string
}

const openOrders = {
  'zh-CN': '您还有 2 个未完成的订单，请先完成或取消。',
  'zh-TW': '您還有 2 筆未完成的訂單，請先完成或取消。',
  en: 'You have 2 open orders. Complete or cancel them first.',
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
