import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'

export const formType = 'application/x-www-form-urlencoded'

export interface RawAnswer {
  readonly status: number
  readonly text: string
  readonly headers: Record<string, string | string[] | undefined>
}

export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly body?: string | Buffer
  /** A content type of `''` is none. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends bytes as they are to a port of this machine; a form unless another type is given. */
export function sendRaw(port: number, { method, path, body = '', headers = {} }: RawRequest): Promise<RawAnswer> {
  const sent = Object.entries({ 'content-type': formType, ...headers }).filter(([, value]) => value !== '')
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, method, path, headers: Object.fromEntries(sent) },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

/** Announces more bytes than it sends, and hangs up; what the server still answers. */
export function sendTruncated(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () =>
      socket.end(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${formType}\r\ncontent-length: 100\r\n\r\na=1`),
    )
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => {}).on('close', () => resolve(text))
  })
}
