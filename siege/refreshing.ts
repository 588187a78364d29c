import { answer } from '../bench/child.ts'
import { Connection, post } from '../bench/connection.ts'
import { paced } from '../bench/paced.ts'
import { pageId } from './shop.ts'

/** What the process of those who are signed in can be asked. */
export type RefreshingCalls = {
  /** Everybody refreshes in turn, at a fixed rate, for this long. Answers how long each waited, in milliseconds. */
  refresh(input: { readonly perSecond: number; readonly ms: number }): Promise<readonly number[]>
  begin(input: { readonly port: number; readonly tokens: readonly string[] }): Promise<void>
  /** Goes on until `stop`, whose answer is of all of it. */
  start(perSecond: number): void
  stop(): Promise<readonly number[]>
}

let lanes: (() => Promise<void>)[] = []
let isOver = false
let running: Promise<readonly number[]> = Promise.resolve([])

const sliceMs = 1000

async function lane(port: number, first: string): Promise<() => Promise<void>> {
  const connection = await Connection.open(port)
  let token = first
  return async () => {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: pageId, refresh_token: token })
    const { status, body } = await connection.send(post('/token', form.toString()))
    if (status !== 200) throw new Error(`a refresh answered ${status} ${body}`)
    token = (JSON.parse(body) as { refresh_token: string }).refresh_token
  }
}

async function refresh({ perSecond, ms }: { readonly perSecond: number; readonly ms: number }) {
  const { latencies, failures } = await paced(lanes, perSecond, ms)
  const [failure] = Object.keys(failures)
  if (failure !== undefined) throw new Error(failure)
  return latencies
}

const calls: RefreshingCalls = {
  async begin({ port, tokens }) {
    lanes = await Promise.all(tokens.map((token) => lane(port, token)))
  },
  refresh,
  start(perSecond) {
    isOver = false
    running = (async () => {
      const all: number[] = []
      while (!isOver) all.push(...(await refresh({ perSecond, ms: sliceMs })))
      return all
    })()
    // Told by `stop`.
    running.catch(() => {})
  },
  stop() {
    isOver = true
    return running
  },
}

answer(calls)
