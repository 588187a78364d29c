import { connect, type Socket } from 'node:net'

export interface HttpAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

interface Waiting {
  readonly resolve: (answer: HttpAnswer) => void
  readonly reject: (error: Error) => void
}

/** One keep-alive connection with one request at a time. Written over a bare socket: an HTTP client would cost more than the server. */
export class Connection {
  readonly #socket: Socket
  #received = ''
  #waiting: Waiting | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received += text
      this.#settle()
    })
    const fail = (error: Error) => {
      this.#waiting?.reject(error)
      this.#waiting = undefined
    }
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the server closed the connection')))
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Connection(socket)))
      socket.once('error', reject)
    })
  }

  send(request: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(request, 'latin1')
    })
  }

  close(): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #settle(): void {
    const waiting = this.#waiting
    const split = this.#received.indexOf('\r\n\r\n')
    if (!waiting || split < 0) return
    const head = this.#received.slice(0, split)
    const found = bodyOf(head, this.#received.slice(split + 4))
    if (found === undefined) return
    const answer = { status: Number(head.slice(9, 12)), head, body: found.body }
    this.#received = this.#received.slice(split + 4 + found.length)
    this.#waiting = undefined
    waiting.resolve(answer)
  }
}

/** The body of an answer and how many bytes it took, from what has come after its head; undefined while some is missing. */
export function bodyOf(head: string, received: string): { body: string; length: number } | undefined {
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return chunks(received)
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  return received.length < length ? undefined : { body: received.slice(0, length), length }
}

/** RFC 9112 §7.1, without trailers, which nobody here sends. */
function chunks(received: string): { body: string; length: number } | undefined {
  let [body, at] = ['', 0]
  for (;;) {
    const line = received.indexOf('\r\n', at)
    if (line < 0) return undefined
    const size = Number.parseInt(received.slice(at, line), 16)
    const end = line + 2 + size + 2
    if (received.length < end) return undefined
    body += received.slice(line + 2, end - 2)
    at = end
    if (size === 0) return { body, length: at }
  }
}

export function header({ head }: HttpAnswer, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}: ([^\\r]*)`, 'i').exec(head)?.[1]
}

const common = 'Host: id.bench.example\r\nX-Forwarded-Proto: https\r\nAccept: */*\r\n'

/** The bytes of a GET; `headers` are whole lines. */
export function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\n${common}${headers}\r\n`
}

export function post(path: string, body: string, headers = ''): string {
  const length = `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n`
  return `POST ${path} HTTP/1.1\r\n${common}${length}${headers}\r\n${body}`
}

/** The bytes of a PUT of JSON. */
export function put(path: string, body: string): string {
  const length = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  return `PUT ${path} HTTP/1.1\r\n${common}${length}\r\n${body}`
}
