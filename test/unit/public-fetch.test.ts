import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { fetchPublic, isPublicAddress } from '../../src/base/public-fetch.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server on this machine, and its address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const bounds = { timeoutMs: 30_000, maxBytes: 1000 }
const here = { ...bounds, allowPrivate: true }

test.each(['8.8.8.8', '223.5.5.5', '172.32.0.1', '100.128.0.1', '2400:3200::1', '2001:4860:4860::8888'])(
  '%s is public',
  (address) => expect(isPublicAddress(address)).toBe(true),
)

test.each([
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.168.1.1', '198.18.0.1'],
  ...['203.0.113.1', '224.0.0.1', '255.255.255.255', '100.100.100.200'],
  ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', 'fe80::1', 'fc00::1', '64:ff9b::7f00:1', '2002:7f00:1::'],
  ...['2001::1', '2001:db8::1', 'ff02::1', 'localhost', ''],
])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false))

describe('with the rules of production', () => {
  test.each([
    ...[
      'http://example.com/a.png',
      'ftp://example.com/a',
      'data:image/png;base64,AA',
      'file:///etc/passwd',
      'nonsense',
    ],
    ...[
      'https://127.0.0.1/a',
      'https://2130706433/a',
      'https://0x7f.1/a',
      'https://[::1]/a',
      'https://[::ffff:a00:1]/a',
    ],
    ...['https://localhost/a', 'https://169.254.169.254/latest', 'https://user:secret@example.com/a'],
    'https://example.com:8443/a',
  ])('%s is not asked', async (address) => {
    await expect(fetchPublic(address, bounds)).rejects.toThrow()
  })

  test('a name that leads to this machine is refused where it is looked up, so nothing connects', async () => {
    let asked = 0
    const address = await serve((_, response) => {
      asked++
      response.end('x')
    })
    await expect(fetchPublic(address.replace('http://127.0.0.1', 'https://localhost'), bounds)).rejects.toThrow(
      'public',
    )
    await expect(fetchPublic('https://localhost/', bounds)).rejects.toThrow('no public address')
    expect(asked).toBe(0)
  })
})

describe('on this machine', () => {
  test('bytes are read as they are', async () => {
    const address = await serve((_, response) => response.end(Buffer.from([0xff, 0xd8, 0x00])))
    expect(await fetchPublic(address, here)).toEqual(Buffer.from([0xff, 0xd8, 0x00]))
  })

  test('more than the limit is cut off, also where no length was said', async () => {
    const address = await serve((_, response) => {
      for (let chunk = 0; chunk < 50; chunk++) response.write('x'.repeat(100))
      response.end()
    })
    await expect(fetchPublic(address, here)).rejects.toThrow('more than 1000 bytes')
  })

  test('redirects are followed three times, and never to what may not be asked', async () => {
    let left = 3
    const address = await serve((_, response) => {
      if (left-- > 0) response.writeHead(302, { location: '/again' }).end()
      else response.end('there')
    })
    expect(String(await fetchPublic(address, here))).toBe('there')
    left = 4
    await expect(fetchPublic(address, here)).rejects.toThrow('too often')
    const away = await serve((_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end())
    await expect(fetchPublic(away, here)).rejects.toThrow('no https address')
  })

  test('a refusal has no query in its words', async () => {
    const address = await serve((_, response) => response.writeHead(404).end())
    const error = await fetchPublic(`${address}/a?ssig=secret`, here).catch((thrown: unknown) => String(thrown))
    expect(error).toMatch(/answered 404$/)
    expect(error).not.toContain('secret')
  })

  test('a server that never ends is left at the limit of time', async () => {
    const address = await serve((_, response) => void response.write('x'))
    await expect(fetchPublic(address, { ...here, timeoutMs: 100 })).rejects.toThrow()
  })
})
