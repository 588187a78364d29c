import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import { httpClient, UpstreamFailure } from '../../src/base/http.ts'
import { patienceMs } from '../support/patience.ts'

const servers: Server[] = []
const options = { maxBytes: 1000, allowInsecure: true }
const http = httpClient({ ...options, timeoutMs: patienceMs })
/** Waits for an answer no longer than it takes to connect and to send. */
const hasty = httpClient({ ...options, timeoutMs: 1500 })

async function listen(server: Server): Promise<string> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const serve = async (listener: RequestListener) => `http://${await listen(createServer(listener))}`

/** A TCP listener that accepts and stays silent, so that a TLS handshake with it never ends. */
const silent = async () => `https://${await listen(createTcpServer((socket) => socket.on('error', () => {})))}`

async function failureOf(attempt: Promise<unknown>, code: ErrorCode = 'upstream.busy'): Promise<UpstreamFailure> {
  const thrown = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  expect((thrown as AppError).code).toBe(code)
  expect((thrown as AppError).cause).toBeInstanceOf(UpstreamFailure)
  return (thrown as AppError).cause as UpstreamFailure
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections()
    server.close()
  }
})

describe('the outbound HTTP client', () => {
  it('hands back status, headers and text, also of an error status', async () => {
    const base = await serve((request, response) => {
      response.writeHead(418, { 'x-method': request.method ?? '' }).end('茶壶')
    })
    const { status, headers, text } = await http.request(`${base}/tea`, { method: 'POST', body: '{}' })
    expect({ status, method: headers.get('x-method'), text }).toEqual({ status: 418, method: 'POST', text: '茶壶' })
  })

  it('reads UTF-8 whatever the content type claims, without the byte order mark', async () => {
    const base = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; charset=gbk' }).end('\uFEFF{"名":1}')
    })
    expect((await http.request(base)).text).toBe('{"名":1}')
  })

  it('believes the label GBK where the bytes are no UTF-8, and marks what it cannot read', async () => {
    const base = await serve((request, response) => {
      const type = request.url === '/gbk' ? 'text/plain; charset=GB2312' : 'application/json'
      response.writeHead(200, { 'content-type': type }).end(Buffer.from('d0a1c3f7', 'hex'))
    })
    expect((await http.request(`${base}/gbk`)).text).toBe('小明')
    expect((await http.request(base)).text).toContain('\uFFFD')
  })

  it('stops where the caller says so', async () => {
    const base = await serve(() => {})
    const signal = AbortSignal.timeout(50)
    expect(await failureOf(http.request(base, { signal }))).toMatchObject({ kind: 'unclear' })
  })

  it('stops at the time limit, however steadily an answer trickles in', async () => {
    const base = await serve((request, response) => {
      const timer = setInterval(() => response.write(' '), 20)
      request.socket.on('close', () => clearInterval(timer))
    })
    const { port } = new URL(base)
    const headers = createTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('x: y\r\n'), 20)
      socket.on('error', () => {}).on('close', () => clearInterval(timer))
    })
    for (const address of [`http://127.0.0.1:${port}`, `http://${await listen(headers)}`]) {
      expect(await failureOf(hasty.request(address))).toMatchObject({ kind: 'unclear' })
    }
  })

  it.each([['gzip', gzipSync] as const, ['br', brotliCompressSync] as const])(
    'counts what a compressed answer becomes, and stops reading: %s',
    async (encoding, compress) => {
      const bomb = compress(Buffer.alloc(64_000_000, 'x'))
      expect(bomb.length).toBeLessThan(100_000)
      const base = await serve((_, response) => {
        response.writeHead(200, { 'content-encoding': encoding }).end(bomb)
      })
      const failure = await failureOf(http.request(base), 'upstream.refused')
      expect(failure.message).toContain('larger than 1000 bytes')
    },
  )

  it('calls a refused connection and an unknown host unreachable', async () => {
    const base = await serve(() => {})
    servers.pop()?.close()
    expect(await failureOf(http.request(base))).toMatchObject({ kind: 'unreachable' })
    expect(await failureOf(http.request('https://no-such-host.invalid/'))).toMatchObject({ kind: 'unreachable' })
  })

  it('calls a timeout during the handshake unreachable, as nothing was sent', async () => {
    expect(await failureOf(hasty.request(`${await silent()}/`))).toMatchObject({ kind: 'unreachable' })
  })

  it('calls a timeout after sending unclear', async () => {
    const base = await serve(() => {})
    expect(await failureOf(hasty.request(base))).toMatchObject({ kind: 'unclear' })
  })

  it('keeps the verdicts of concurrent requests apart', async () => {
    const [mute, hanging] = [await silent(), await serve(() => {})]
    const failures = await Promise.all([mute, hanging, mute, hanging].map((base) => failureOf(hasty.request(base))))
    expect(failures.map(({ kind }) => kind)).toEqual(['unreachable', 'unclear', 'unreachable', 'unclear'])
  })

  it('calls a timeout in the middle of the body unclear', async () => {
    const base = await serve((_, response) => {
      response.writeHead(200).write('half')
    })
    expect(await failureOf(hasty.request(base))).toMatchObject({ kind: 'unclear' })
  })

  it('calls a reset after sending unclear, and does not try again', async () => {
    let calls = 0
    const base = await serve((request) => {
      calls += 1
      request.socket.destroy()
    })
    expect(await failureOf(http.request(base, { method: 'POST', body: 'x' }))).toMatchObject({ kind: 'unclear' })
    expect(await failureOf(http.request(base))).toMatchObject({ kind: 'unclear' })
    expect(calls).toBe(2)
  })

  it('stops reading at the size limit', async () => {
    const base = await serve((request, response) => {
      response.end('x'.repeat(request.url === '/fits' ? 1000 : 1001))
    })
    expect((await http.request(`${base}/fits`)).text).toHaveLength(1000)
    const failure = await failureOf(http.request(`${base}/large`), 'upstream.refused')
    expect(failure.message).toContain('larger than 1000 bytes')
  })

  it('follows no redirect', async () => {
    const seen: (string | undefined)[] = []
    const base = await serve((request, response) => {
      seen.push(request.url)
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect(await failureOf(http.request(`${base}/here`), 'upstream.refused')).toMatchObject({ kind: 'unclear' })
    expect(seen).toEqual(['/here'])
  })

  it('refuses plain http unless told otherwise, and every other scheme', async () => {
    let calls = 0
    const base = await serve((_, response) => {
      calls += 1
      response.end()
    })
    const strict = httpClient({ timeoutMs: patienceMs })
    for (const work of [strict.request(base), http.request('data:text/plain,hello'), http.request('no address')]) {
      expect(await failureOf(work, 'upstream.refused')).toMatchObject({ kind: 'unreachable' })
    }
    expect(calls).toBe(0)
  })

  it('names an address by origin and path only', async () => {
    const base = await serve((request) => request.socket.destroy())
    const secretHeader = 'line\nbreak-of-a-secret'
    for (const [address, headers, code] of [
      [`${base}/send?secret=hunter2#frag`, {}, 'upstream.busy'],
      [`${base.replace('//', '//user:hunter2@')}/send`, {}, 'upstream.refused'],
      [`${base}/send`, { authorization: secretHeader }, 'upstream.busy'],
    ] as const) {
      const { message, stack, cause } = await failureOf(http.request(address, { headers }), code)
      expect(message).toContain(`GET ${base}/send: `)
      expect(`${message} ${stack} ${cause}`).not.toMatch(/hunter2|frag|break-of-a-secret/)
    }
  })
})
