import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/services.ts'

/** A proxy as companies run them: it tunnels, and knows every host as this machine. */
async function openProxy(): Promise<{ readonly url: string; readonly seen: string[] }> {
  const seen: string[] = []
  const proxy = createServer((_, response) => response.writeHead(405).end())
  proxy.on('connect', ({ url = '' }, socket) => {
    seen.push(`CONNECT ${url}`)
    socket.on('error', () => socket.destroy())
    const [, port] = url.split(':')
    const onward = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, seen }
}

async function vendor(): Promise<number> {
  const server = createServer((_, response) => response.end('{"errcode":0}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}

/** What our one HTTP client answers in a process of its own: Node reads these variables when it starts. */
async function request(address: string, env: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const client = new URL('../../src/base/http.ts', import.meta.url).href
  const script = `
    const { httpClient } = await import(${JSON.stringify(client)})
    const http = httpClient({ timeoutMs: 30_000, allowInsecure: true })
    const told = await http.request(${JSON.stringify(address)}).then(
      ({ status, text }) => ({ status, text }),
      ({ cause: { kind, reason } }) => ({ kind, reason }),
    )
    process.stdout.write(JSON.stringify(told))`
  const { PATH = '' } = process.env
  const args = ['--input-type=module', '-e', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH, ...env } })
  return JSON.parse(stdout) as Record<string, unknown>
}

test('vendors are asked through the proxy that the environment names, where Node is told to look', async () => {
  const { url, seen } = await openProxy()
  const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: url, HTTPS_PROXY: url }
  const port = await vendor()
  // Nobody but the proxy knows where this host is.
  expect(await request(`http://vendor.example:${port}/sns/userinfo`, env)).toEqual({
    status: 200,
    text: '{"errcode":0}',
  })
  await request(`https://vendor.example:${port}/token`, env)
  expect(seen).toEqual([`CONNECT vendor.example:${port}`, `CONNECT vendor.example:${port}`])
})

test('hosts that need no proxy are asked without it', async () => {
  const { url, seen } = await openProxy()
  const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: url, NO_PROXY: '127.0.0.1' }
  const told = await request(`http://127.0.0.1:${await freePort()}/`, env)
  expect(told).toMatchObject({ kind: 'unreachable', reason: 'ECONNREFUSED' })
  expect(seen).toEqual([])
})

test('without that variable nothing goes through a proxy', async () => {
  const { url, seen } = await openProxy()
  await request(`http://127.0.0.1:${await freePort()}/`, { HTTP_PROXY: url })
  expect(seen).toEqual([])
})

test('a proxy that is away is a request that never left', async () => {
  const away = `http://127.0.0.1:${await freePort()}`
  const env = { NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: away }
  expect(await request('https://vendor.example/token', env)).toMatchObject({ kind: 'unreachable' })
})
