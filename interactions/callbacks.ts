import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError, type ErrorCode } from '../src/base/errors.ts'
import { isSameSecret } from '../src/base/same-secret.ts'
import type { EphemeralStore } from '../src/store/ephemeral.ts'
import type { Sealing } from '../src/store/seal.ts'

/** Where an answer is to be brought, and under which name it waits there. */
interface Expected {
  readonly connection: string
  readonly attemptId: string
  readonly clientId?: string | undefined
  readonly handle: string
}

/** What an upstream sent back, for the attempt it belongs to. */
export interface Kept {
  readonly attemptId: string
  /** The client whose login it is, if one is known. */
  readonly clientId?: string | undefined
  readonly connection: string
  /** Under which it is asked for. */
  readonly handle: string
  readonly response: Readonly<Record<string, string>>
}

/** What a page has to tell of an answer that let nobody in. */
export interface Ending {
  readonly method: string
  readonly code: ErrorCode
  readonly params: AppError['params']
}

interface Dependencies extends Sealing {
  readonly store: EphemeralStore
}

/** Notes that an answer has come, for which attempt, and the page it led to once that is known. */
interface Seen {
  readonly by: string
  readonly location?: string
}

const lifetimeSeconds = 600
/** Characters of an answer, names included: codes of some vendors have 2000, Apple sends an ID token beside it. */
const longestAnswer = 4096
/** Milliseconds between looks at an answer that another request is working on: soon at first, five seconds in all. */
const pausesMs = [100, 200, 400, 800, 1500, 2000]

/**
 * What comes back from upstreams. A callback arrives without our cookies when the upstream posts it across sites
 * (Apple), and twice when the upstream is WeChat; so it only leaves its answer here and sends the browser on, by a GET
 * of our own site, to the attempt, whose cookie proves that it is the browser that began.
 */
export class Callbacks {
  readonly #deps: Dependencies
  /** One wait for each answer, however many requests wait for it. */
  readonly #waiting = new Map<string, Promise<Seen | undefined>>()

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * Makes a state known for ten minutes, in the place of the one this attempt had for this connection before. SECURITY:
   * else every press of a button would leave another, and every answer to one.
   */
  async expect(
    state: string,
    { connection, attemptId, clientId }: Omit<Expected, 'handle'>,
    before?: string,
  ): Promise<void> {
    const { store, seal } = this.#deps
    const expected: Expected = { connection, attemptId, clientId, handle: randomBytes(18).toString('base64url') }
    await Promise.all([
      store.set(this.#stateKey(state), seal(JSON.stringify(expected)), lifetimeSeconds),
      before === undefined ? undefined : this.forget(before),
    ])
  }

  /** Forgets a state, that an answer came for it, and what that led to. */
  async forget(state: string): Promise<void> {
    const { store, open } = this.#deps
    const sealed = await store.take<string>(this.#stateKey(state))
    if (sealed === undefined) return
    const { attemptId, handle } = JSON.parse(open(sealed)) as Expected
    await store.delete(this.#seenKey(handle), this.#endingKey(attemptId, handle))
  }

  /**
   * Keeps the first answer to a state and says where to go on; a second one changes nothing and is sent the same way.
   * Throws `attempt.stateless` where none was brought, `attempt.expired` for a state that is unknown, over, or another
   * connection's (RFC 9700 §4.4, mix-up), and `request.too_large`.
   */
  async receive(
    connection: string,
    response: Readonly<Record<string, string>>,
  ): Promise<{ readonly attemptId: string; readonly handle: string }> {
    const { store, seal, open } = this.#deps
    const { state } = response
    if (!state) throw new AppError('attempt.stateless')
    const sealed = await store.get<string>(this.#stateKey(state))
    const expected = sealed === undefined ? undefined : (JSON.parse(open(sealed)) as Expected)
    if (expected?.connection !== connection) throw new AppError('attempt.expired')
    const { attemptId, clientId, handle } = expected
    const kept = JSON.stringify({ attemptId, clientId, connection, handle, response } satisfies Kept)
    // SECURITY: whoever brings it has proved nothing yet.
    if (JSON.stringify(response).length > longestAnswer) throw new AppError('request.too_large')
    // SECURITY: the mark outlives the answer, so that a state brings one answer even after that was taken.
    const seen: Seen = { by: this.#deps.mac(attemptId) }
    const isFirst = await store.add(this.#seenKey(handle), seen, lifetimeSeconds)
    // One of each attempt, the last: nobody comes back from two upstreams at once, and each may be longer than a login.
    if (isFirst) await store.set(this.#responseKey(attemptId), seal(kept, { packsFrom: 1000 }), lifetimeSeconds)
    return { attemptId, handle }
  }

  /** The answer, for one caller, once, and only for the attempt it belongs to. */
  async take(attemptId: string, handle: string): Promise<Kept | undefined> {
    if (!(await this.waiting(attemptId, handle))) return undefined
    return this.#read(await this.#deps.store.take<string>(this.#responseKey(attemptId)), handle)
  }

  /** The answer as long as nobody has taken it; it stays. */
  async waiting(attemptId: string, handle: string): Promise<Kept | undefined> {
    return this.#read(await this.#deps.store.get<string>(this.#responseKey(attemptId)), handle)
  }

  #read(sealed: string | undefined, handle: string): Kept | undefined {
    const kept = sealed === undefined ? undefined : (JSON.parse(this.#deps.open(sealed)) as Kept)
    return kept?.handle === handle ? kept : undefined
  }

  /** Notes where the answer led, for the second time the same callback comes. */
  async keepLocation(attemptId: string, handle: string, location: string): Promise<void> {
    const seen: Seen = { by: this.#deps.mac(attemptId), location }
    await this.#deps.store.set(this.#seenKey(handle), seen, lifetimeSeconds)
  }

  /** Where the answer led, told to its own attempt alone; waits a little for a first request that is still at work. */
  async keptLocation(attemptId: string, handle: string): Promise<string | undefined> {
    const key = this.#seenKey(handle)
    const seen = await (this.#waiting.get(key) ?? this.#wait(key))
    return seen && isSameSecret(seen.by, this.#deps.mac(attemptId)) ? seen.location : undefined
  }

  #wait(key: string): Promise<Seen | undefined> {
    const waiting = this.#look(key).finally(() => this.#waiting.delete(key))
    this.#waiting.set(key, waiting)
    return waiting
  }

  async #look(key: string): Promise<Seen | undefined> {
    const { store } = this.#deps
    let seen = await store.get<Seen>(key)
    for (const pauseMs of pausesMs) {
      if (!seen || seen.location !== undefined) break
      await delay(pauseMs)
      seen = await store.get<Seen>(key)
    }
    return seen
  }

  /** Keeps what came of the answer, for the page the browser is sent to. */
  async end(attemptId: string, handle: string, ending: Ending): Promise<void> {
    const { store, seal } = this.#deps
    await store.set(this.#endingKey(attemptId, handle), seal(JSON.stringify(ending)), lifetimeSeconds)
  }

  /** What came of it, as often as the page is asked for and only for the attempt it belongs to. */
  async ending(attemptId: string, handle: string): Promise<Ending | undefined> {
    const sealed = await this.#deps.store.get<string>(this.#endingKey(attemptId, handle))
    return sealed === undefined ? undefined : (JSON.parse(this.#deps.open(sealed)) as Ending)
  }

  #endingKey(attemptId: string, handle: string): string {
    return `ending:${this.#deps.mac(`${handle} ${attemptId}`)}`
  }

  #stateKey(state: string): string {
    return `callback:${this.#deps.mac(state)}`
  }

  #seenKey(handle: string): string {
    return `seen:${this.#deps.mac(handle)}`
  }

  #responseKey(attemptId: string): string {
    return `response:${this.#deps.mac(attemptId)}`
  }
}
