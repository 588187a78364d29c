/** Where one text is kept for this installation, out of reach of other apps. */
export interface TextStorage {
  read(): string | undefined | Promise<string | undefined>
  write(text: string): void | Promise<void>
}

/** A login that waits for its next request. */
export interface Begun {
  readonly verifier: string
  readonly nonce: string
  /** For the next request and no other. */
  readonly authSession: string
}

/** What an installation keeps. */
export interface Saved {
  /** Stands for whoever is signed in; a login that begins uses it up. */
  readonly authSession?: string | undefined
  readonly begun?: Begun | undefined
  readonly refreshToken?: string | undefined
  /** Of an ID token for the whole scope. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** Access tokens by the scope they were asked with. */
  readonly access?: Readonly<Record<string, string>>
}

/** Work that must not overlap: each piece begins when the one before it has ended, however it ended. */
export class Queue {
  #tail: Promise<unknown> = Promise.resolve()

  add<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => undefined)
    return turn
  }
}

/**
 * Keeps `Saved`. A change begins with what the one before it wrote, however long the storage takes; none waits for the
 * network.
 */
export class Keeper {
  readonly #storage: TextStorage
  readonly #queue = new Queue()

  constructor(storage: TextStorage) {
    this.#storage = storage
  }

  read(): Promise<Saved> {
    return this.#queue.add(() => this.#load())
  }

  /** Answers what was there before. Where `changed` throws, nothing changes. */
  change(changed: (saved: Saved) => Saved): Promise<Saved> {
    return this.#queue.add(async () => {
      const before = await this.#load()
      await this.#storage.write(JSON.stringify(changed(before)))
      return before
    })
  }

  async #load(): Promise<Saved> {
    const text = (await this.#storage.read()) || '{}'
    try {
      return JSON.parse(text) as Saved
    } catch {
      // Half written, or of another installation: nobody is signed in.
      return {}
    }
  }
}
