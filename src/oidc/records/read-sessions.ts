import type { Payload } from '../library/stored-models.ts'

interface ReadSession {
  /** The id it is stored under, if that was read. */
  readonly id: string | undefined
  /** When it was last used, to the hour, in seconds since the epoch; null if it was not used since it was made. */
  readonly used: number | null
  readonly payload: Payload
  /** Who signed in and where, as JSON. */
  readonly about?: string | null | undefined
  /** Whether the browser of this request brought the cookie of this session. */
  readonly byCookie: boolean
}

/** The browser sessions a request has read, by `uid`. */
export class ReadSessions {
  readonly #sessions = new Map<string, ReadSession>()

  note(uid: string, session: ReadSession): void {
    if (!this.#sessions.get(uid)?.byCookie) this.#sessions.set(uid, session)
  }

  /** Keeps the session of this browser, as it was read. */
  byCookie(
    uid: string,
  ): { readonly id: string; readonly payload: Payload; readonly about: string | null | undefined } | undefined {
    const { id, payload, about, byCookie } = this.#sessions.get(uid) ?? {}
    return byCookie && id !== undefined && payload ? { id, payload, about } : undefined
  }

  /** Who signed in to a session, and where, as JSON, whoever named the session. */
  aboutOf(uid: string): string | undefined {
    return this.#sessions.get(uid)?.about ?? undefined
  }

  idOf(uid: string): string | undefined {
    return this.#sessions.get(uid)?.id
  }

  /** When the session was last used, to the hour, in seconds since the epoch. */
  useOf(uid: string): number {
    const { used, payload } = this.#sessions.get(uid) ?? {}
    return used ?? Number(payload?.['iat'] ?? 0)
  }

  /** The sessions of this browser in which somebody is signed in. */
  uidsWithLogin(): string[] {
    return this.#here().map(([uid]) => uid)
  }

  /** Who signed in to this browser, and where, as JSON. */
  about(): string | undefined {
    return this.#here().find(([, { about }]) => about)?.[1].about ?? undefined
  }

  #here(): (readonly [string, ReadSession])[] {
    return [...this.#sessions].filter(([, { byCookie, payload }]) => byCookie && payload['accountId'] !== undefined)
  }
}
