import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { addressOf } from '../../src/base/address.ts'
import { requestOrigin, type TrustedProxies } from '../../src/http/request-origin.ts'

describe('an address', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9'],
    [' 203.0.113.9:51234 ', '203.0.113.9'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['"[2001:db8::1]:443"', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['[::ffff:203.0.113.9]:80', '203.0.113.9'],
    ['0:0:0:0:0:ffff:cb00:7109', '203.0.113.9'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('is read from %j', (text, address) => expect(addressOf(text)).toBe(address))

  test.each([
    '',
    'unknown',
    '_hidden',
    'a.example.com',
    '203.0.113',
    '203.0.113.999',
    '[203.0.113.9]:1',
    '1.2.3.4:x',
    ':80',
  ])('is not read from %j', (text) => expect(addressOf(text)).toBeUndefined())
})

/** A request from a peer, and what is known of it afterwards. */
function open(trustedProxies: TrustedProxies) {
  const lines: Record<string, unknown>[] = []
  const log = { warn: (fields: object, text: string) => void lines.push({ ...fields, text }) }
  const clean = requestOrigin({ issuer: 'https://id.example.com', trustedProxies, log: log as never })
  /** Requests of one connection. */
  const over = (remoteAddress: string) => {
    const socket = { remoteAddress }
    return (headers: Record<string, string>) => {
      const request = { headers: { ...headers }, socket } as unknown as IncomingMessage
      clean(request)
      return request.headers['x-forwarded-for']
    }
  }
  const from = (remoteAddress: string, headers: Record<string, string>) => over(remoteAddress)(headers)
  return { from, over, lines }
}

describe('who the visitor is', () => {
  test.each([
    ['203.0.113.9:51234', '203.0.113.9'],
    ['198.51.100.1, 203.0.113.9:51234', '203.0.113.9'],
    ['203.0.113.9:51234, 10.1.2.3:443', '203.0.113.9'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['10.1.2.3', '10.1.2.3'],
  ])('is what the last trusted proxy says: %j', (header, address) => {
    const { from, lines } = open(['10.0.0.0/8'])
    expect(from('10.0.0.1', { 'x-forwarded-for': header })).toBe(address)
    expect(from('::ffff:10.0.0.1', { 'x-forwarded-for': header })).toBe(address)
    expect(lines).toEqual([])
  })

  test.each(['x-forwarded-for', 'forwarded', 'x-real-ip'])('is never what a peer nobody trusts says in %s', (name) => {
    const { from, lines } = open(name === 'x-real-ip' ? 'none' : ['10.0.0.0/8'])
    for (let times = 0; times < 3; times++) expect(from('192.0.2.77', { [name]: '203.0.113.9' })).toBe('192.0.2.77')
    expect(lines).toEqual([
      {
        peer: '192.0.2.0',
        header: name,
        setting: 'server.trusted_proxies',
        text: expect.stringContaining('not trusted'),
      },
    ])
  })

  test('is the proxy where it says nothing that can be read, which is told once', () => {
    const { from, lines } = open(['10.0.0.0/8'])
    for (const header of ['unknown', '', '203.0.113.9, _hidden'])
      expect(from('10.0.0.1', { 'x-forwarded-for': header })).toBe('10.0.0.1')
    for (const name of ['forwarded', 'x-real-ip'])
      expect(from('10.0.0.1', { [name]: 'for=203.0.113.9' })).toBe('10.0.0.1')
    expect(lines.map(({ peer, header }) => [peer, header])).toEqual([
      ['10.0.0.0', 'x-forwarded-for'],
      ['10.0.0.0', 'forwarded'],
    ])
    expect(JSON.stringify(lines)).not.toContain('203.0.113')
  })

  test('is another for each request of one connection that a trusted proxy keeps, and always a stranger’s own', () => {
    const { over } = open(['10.0.0.0/8'])
    const [proxied, direct] = [over('10.0.0.1'), over('192.0.2.77')]
    for (const visitor of ['203.0.113.9', '203.0.113.10']) {
      expect(proxied({ 'x-forwarded-for': visitor })).toBe(visitor)
      expect(direct({ 'x-forwarded-for': visitor })).toBe('192.0.2.77')
    }
    expect(proxied({})).toBe('10.0.0.1')
  })

  test('nothing is told of a proxy that names nobody', () => {
    const { from, lines } = open(['10.0.0.0/8'])
    expect(from('10.0.0.1', {})).toBe('10.0.0.1')
    expect(from('192.0.2.77', {})).toBe('192.0.2.77')
    expect(lines).toEqual([])
  })
})
