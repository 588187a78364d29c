import { type Connection, get, type HttpAnswer, header, post } from './connection.ts'

/** Throws with what came instead of this status, or of one of these. */
export function expect(answer: HttpAnswer, status: number | readonly number[], what: string): HttpAnswer {
  if (answer.status === status || (typeof status === 'object' && status.includes(answer.status))) return answer
  throw new Error(`${what} answered ${answer.status} ${header(answer, 'location') ?? ''} ${answer.body.slice(0, 300)}`)
}

/** The authorization code in a redirect to the app. */
export function codeIn(answer: HttpAnswer): string {
  const code = /[?&]code=([^&]+)/.exec(header(answer, 'location') ?? '')?.[1]
  if (code === undefined) throw new Error(`no code in ${header(answer, 'location')}`)
  return code
}

/** Where a redirect leads, without the host. */
export function pathIn(answer: HttpAnswer): string {
  const { pathname, search } = new URL(header(answer, 'location') ?? '', 'https://id.bench.example')
  return `${pathname}${search}`
}

/** A browser with its cookies on one connection; each visit throws when another status comes. */
export class Browsing {
  readonly #jar: Map<string, string>
  readonly #connection: Connection
  readonly #headers: string

  /** `headers` are whole lines that go with every request; a jar may hold the cookies of an earlier connection. */
  constructor(connection: Connection, headers = '', jar = new Map<string, string>()) {
    this.#connection = connection
    this.#headers = headers
    this.#jar = jar
  }

  get(path: string, status: number | readonly number[], what: string): Promise<HttpAnswer> {
    return this.#visit(get(path, this.#lines()), status, what)
  }

  post(path: string, form: string, status: number | readonly number[], what: string): Promise<HttpAnswer> {
    return this.#visit(post(path, form, this.#lines()), status, what)
  }

  #lines(): string {
    if (this.#jar.size === 0) return this.#headers
    return `${this.#headers}Cookie: ${[...this.#jar].map(([name, value]) => `${name}=${value}`).join('; ')}\r\n`
  }

  async #visit(request: string, status: number | readonly number[], what: string): Promise<HttpAnswer> {
    const answer = expect(await this.#connection.send(request), status, what)
    for (const [, name = '', value = ''] of answer.head.matchAll(/\r\nset-cookie: ([^=]+)=([^;\r]*)/gi)) {
      if (value === '') this.#jar.delete(name)
      else this.#jar.set(name, value)
    }
    return answer
  }
}
