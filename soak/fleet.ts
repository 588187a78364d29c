import { request as httpRequest } from 'node:http'
import { Visitor } from '../test/support/visitor.ts'
import { issuer } from './clientele.ts'

/** What was answered, and when it was asked and answered. */
export interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly text: string
  readonly fromMs: number
  readonly toMs: number
}

/** Nobody knows what came of it; where nothing `wasSent`, nothing did. */
export class Cut extends Error {
  readonly wasSent: boolean
  readonly fromMs: number

  constructor(why: string, { wasSent, fromMs }: { readonly wasSent: boolean; readonly fromMs: number }) {
    super(why)
    this.wasSent = wasSent
    this.fromMs = fromMs
  }
}

/** One request as an app or an API makes it. */
export interface Ask {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Whoever asks goes away after so many milliseconds. */
  readonly goneAfterMs?: number
}

const probeEveryMs = 500
/** No answer after so long is a fault of its own. */
const patienceMs = 120_000

/** The servers, as a balancer sees them: those that are ready are asked first, and the next one where one is shut. */
export class Fleet {
  readonly #ready = new Map<number, boolean>()
  readonly #probing: NodeJS.Timeout

  constructor(ports: readonly number[]) {
    for (const port of ports) this.#ready.set(port, false)
    this.#probing = setInterval(() => void this.probe(), probeEveryMs)
  }

  get ports(): readonly number[] {
    return [...this.#ready.keys()]
  }

  /** Whether every server can serve everything, logins too. */
  async isWhole(): Promise<boolean> {
    const all = await Promise.all(
      this.ports.map(async (port) => {
        const answers = await Promise.all(
          ['/readyz', '/readyz/logins'].map((path) => send(port, { path }).catch(() => undefined)),
        )
        return answers.every((answer) => answer?.status === 200)
      }),
    )
    return all.every(Boolean)
  }

  async probe(): Promise<void> {
    await Promise.all(
      this.ports.map(async (port) => {
        const answer = await send(port, { path: '/readyz' }).catch(() => undefined)
        this.#ready.set(port, answer?.status === 200)
      }),
    )
  }

  /** Ready ones first; `share` chooses among them. */
  order(share: number): readonly number[] {
    const turned = share < 0.5 ? this.ports : this.ports.toReversed()
    return turned.toSorted((a, b) => Number(this.#ready.get(b)) - Number(this.#ready.get(a)))
  }

  /** Throws a `Cut`. */
  async ask(ask: Ask, share: number): Promise<Answer> {
    return this.through(this.order(share), (port) => send(port, ask))
  }

  /** Throws a `Cut`: a port where nobody listens was sent nothing, so the next one is tried. */
  async through<T>(ports: readonly number[], work: (port: number) => Promise<T>): Promise<T & Stamp> {
    const fromMs = Date.now()
    for (const port of ports) {
      try {
        const done = await work(port)
        return { ...done, fromMs, toMs: Date.now() }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') continue
        throw new Cut(error instanceof Error ? error.message : String(error), { wasSent: true, fromMs })
      }
    }
    throw new Cut('no server listens', { wasSent: false, fromMs })
  }

  close(): void {
    clearInterval(this.#probing)
  }
}

interface Stamp {
  readonly fromMs: number
  readonly toMs: number
}

/** Each request on a connection of its own, so that one that is cut was cut by a fault. */
export function send(port: number, ask: Ask): Promise<Omit<Answer, 'fromMs' | 'toMs'>> {
  const { method = ask.form ? 'POST' : 'GET', path, form, headers, goneAfterMs } = ask
  const body = form && new URLSearchParams(form).toString()
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        ...{ host: '127.0.0.1', port, path, method, agent: false },
        headers: {
          host: new URL(issuer).host,
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) }),
          ...headers,
        },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, location: response.headers.location, text }),
        )
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.setTimeout(patienceMs, () => request.destroy(new Error(`no answer for ${patienceMs / 1000} s`)))
    if (goneAfterMs !== undefined) {
      const gone = setTimeout(() => request.destroy(new Error('went away')), goneAfterMs)
      request.once('close', () => clearTimeout(gone))
    }
    request.end(body)
  })
}

/** A browser that a balancer sends to one server or another. */
export class Browser {
  readonly #fleet: Fleet
  readonly #headers: Readonly<Record<string, string>>
  #visitor = new Visitor(issuer, 0)

  constructor(fleet: Fleet, ip: string) {
    this.#fleet = fleet
    this.#headers = { 'x-forwarded-for': ip, connection: 'close' }
  }

  /** Throws a `Cut`. */
  get(target: string | URL, share: number): Promise<Answer & { readonly url: URL }> {
    return this.#send(share, (visitor) => visitor.get(target, this.#headers))
  }

  post(target: string | URL, form: Readonly<Record<string, string>>, share: number) {
    return this.#send(share, (visitor) => visitor.post(target, form, this.#headers))
  }

  /** Follows redirects as long as they stay here. */
  async follow(answer: Answer & { readonly url: URL }, share: number): Promise<Answer & { readonly url: URL }> {
    let current = answer
    while (current.location !== undefined) {
      const next = new URL(current.location, current.url)
      if (next.origin !== issuer) return current
      current = await this.get(next, share)
    }
    return current
  }

  #send<T>(share: number, work: (visitor: Visitor) => Promise<T>): Promise<T & Stamp> {
    return this.#fleet.through(this.#fleet.order(share), async (port) => {
      const visitor = this.#visitor.through(port)
      const answer = await work(visitor)
      this.#visitor = visitor
      return answer
    })
  }
}
