import { setTimeout as delay } from 'node:timers/promises'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { NativeApp, nativeSms, type Tokens } from './native-app.ts'
import { eventually } from './patience.ts'
import type { World } from './world.ts'

/** What has been done with a server while its Redis was failing over. */
export interface RedisLoad {
  /** Waits until everything has worked again that was begun after this call. */
  untilServed(): Promise<void>
  /** Ends it, and answers what there is to see. */
  end(): Promise<Seen>
}

export interface Seen {
  /** Refusals that nobody should have seen. */
  readonly wrong: readonly string[]
  /** When something last failed as it may, by `performance.now()`; 0 if nothing has. */
  readonly failedMs: number
  /** Keys of values that were told to be taken, or to be there first. */
  readonly taken: readonly string[]
  readonly added: readonly string[]
}

/** Refreshes with a key, asks for codes, logs in, and uses values up, again and again, until it is ended. */
export async function redisLoad(world: World): Promise<RedisLoad> {
  const { store } = world.app.core
  const wrong: string[] = []
  const [taken, added]: [string[], string[]] = [[], []]
  let failedMs = 0
  let isOver = false
  const servedMs = new Map<string, number>()
  const app = await new NativeApp(world).withKey()
  let tokens: Tokens = await app.exchange(await nativeSms(world, app, '13800138001'))
  let turn = 0

  /** What needs no Redis never fails; the rest fails by saying that it is not available. */
  const acts: Readonly<Record<string, () => Promise<boolean>>> = {
    async refresh() {
      const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
      const { status, body } = await app.tryToken(form)
      if (status !== 200) wrong.push(`refresh: ${status} ${JSON.stringify(body)}`)
      else tokens = body as unknown as Tokens
      return true
    },
    async 'ask for a code'() {
      turn += 1
      const form = { method: 'sms', phone: `138${String(10_000_000 + turn)}` }
      const { status, body, headers } = await new NativeApp(world).challenge(form)
      if (status === 503 && headers.get('retry-after') !== null) return false
      if (body['step'] === undefined) wrong.push(`code: ${status} ${JSON.stringify(body)}`)
      return true
    },
    'use a value up': () =>
      unlessAway(async () => {
        const key = `used-${turn}-${taken.length}-${Math.random()}`
        await store.set(key, 1, 3600)
        if ((await store.take(key)) === 1) taken.push(key)
        else wrong.push('a value that was just stored was not there')
      }),
    'be first': () =>
      unlessAway(async () => {
        const key = `first-${turn}-${added.length}-${Math.random()}`
        if (await store.add(key, 1, 3600)) added.push(key)
        else wrong.push('somebody was first where nobody was')
      }),
  }

  async function unlessAway(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if ((error as { code?: string }).code !== 'server.unavailable') wrong.push(String(error))
      return false
    }
  }

  const loops = Object.entries(acts).map(async ([name, act]) => {
    while (!isOver) {
      const begunMs = performance.now()
      if (await act()) servedMs.set(name, begunMs)
      else failedMs = performance.now()
      await delay(5)
    }
  })

  return {
    async untilServed() {
      const nowMs = performance.now()
      await eventually(() => {
        const waiting = Object.keys(acts).filter((name) => (servedMs.get(name) ?? 0) < nowMs)
        if (waiting.length > 0) throw new Error(`not served again: ${waiting.join(', ')}`)
      })
    },
    async end() {
      isOver = true
      await Promise.all(loops)
      return { wrong, failedMs, taken, added }
    },
  }
}

/** How many of the values that were used up could be used again. */
export async function usedTwice(
  store: EphemeralStore,
  { taken, added }: Pick<Seen, 'taken' | 'added'>,
): Promise<number> {
  let again = 0
  for (const key of taken) if ((await store.take(key)) !== undefined) again += 1
  for (const key of added) if (await store.add(key, 1, 3600)) again += 1
  return again
}
