import { request as httpRequest } from 'node:http'

export interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** Where it was asked. */
  readonly url: URL
}

/** The code of the refusal that a page shows. */
export function errorIn({ text }: Pick<Answer, 'text'>): string | undefined {
  return /data-error="([a-z_.]+)"/.exec(text)?.[1]
}

type Form = Readonly<Record<string, string | readonly string[]>>

/** A browser without script: keeps cookies by path, sends forms, follows a redirect when told to. */
export class Visitor {
  readonly #issuer: string
  readonly #port: number
  readonly #jar = new Map<string, { name: string; value: string; path: string }>()

  /** Requests for `issuer` go to `port` on this machine, so that one address can stand for several processes. */
  constructor(issuer: string, port: number) {
    this.#issuer = issuer
    this.#port = port
  }

  /** The same browser talking to another process behind the same address. */
  through(port: number): Visitor {
    const other = new Visitor(this.#issuer, port)
    for (const [key, cookie] of this.#jar) other.#jar.set(key, cookie)
    return other
  }

  cookies(): readonly string[] {
    return [...this.#jar.values()].map(({ name }) => name)
  }

  setCookie(name: string, value: string, path = '/'): void {
    this.#jar.set(`${name};${path}`, { name, value, path })
  }

  /** The `Cookie` header this browser would send there. */
  cookieHeader(path: string): string {
    const sent = [...this.#jar.values()].filter((cookie) => path.startsWith(cookie.path))
    return sent.map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  get(target: string | URL, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#send('GET', target, undefined, headers)
  }

  post(target: string | URL, form: Form, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries(form)) {
      for (const each of Array.isArray(value) ? value : [value as string]) body.append(name, each)
    }
    return this.#send('POST', target, body.toString(), {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      ...headers,
    })
  }

  /** Posts a form with files, as the browser writes them. */
  async upload(target: string | URL, form: FormData, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const written = new Response(form)
    return this.#send('POST', target, Buffer.from(await written.arrayBuffer()), {
      'content-type': written.headers.get('content-type') ?? '',
      'sec-fetch-site': 'same-origin',
      ...headers,
    })
  }

  /** Follows redirects that stay on the issuer; the last answer may lead elsewhere. */
  async follow(answer: Answer): Promise<Answer> {
    let current = answer
    for (let hops = 0; current.location !== undefined && hops < 10; hops++) {
      const next = new URL(current.location, current.url)
      if (next.origin !== new URL(this.#issuer).origin) return current
      current = await this.get(next)
    }
    return current
  }

  async #send(
    method: string,
    target: string | URL,
    body: string | Buffer | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const url = new URL(target, this.#issuer)
    const cookie = this.cookieHeader(url.pathname)
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: '127.0.0.1',
          port: this.#port,
          path: `${url.pathname}${url.search}`,
          method,
          headers: {
            host: url.host,
            accept: 'text/html,application/xhtml+xml',
            ...(cookie === '' ? {} : { cookie }),
            ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => {
            this.#keep(response.headers['set-cookie'] ?? [])
            resolve({
              status: response.statusCode ?? 0,
              location: response.headers.location,
              headers: response.headers,
              text: Buffer.concat(chunks).toString('utf8'),
              url,
            })
          })
          response.on('error', reject)
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  }

  #keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
      const separator = pair.indexOf('=')
      const name = pair.slice(0, separator)
      const value = pair.slice(separator + 1)
      const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? '/'
      const isGone = value === '' || attributes.some((each) => /^expires=Thu, 01 Jan 1970/i.test(each))
      if (isGone) this.#jar.delete(`${name};${path}`)
      else this.#jar.set(`${name};${path}`, { name, value, path })
    }
  }
}
