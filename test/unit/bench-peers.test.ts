import { describe, expect, test } from 'vitest'
import { bodyOf, header } from '../../bench/connection.ts'
import { javaRelease } from '../../bench/keycloak.ts'
import { parseOptions } from '../../bench/options.ts'
import { algorithmOf, authorizationPath, formAction, type PeerSite } from '../../bench/peer-site.ts'
import { cheaper, type PeersFound } from '../../bench/peers.ts'
import { peersText } from '../../bench/report-peers.ts'

const process = { version: '1', firstSeconds: 2, laterSeconds: 1, idleMiB: 100, afterMiB: 200 }

describe('what other servers answer', () => {
  test('a body in chunks is read when its last chunk is there, and not before', () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked'
    const sent = '4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n'
    expect(bodyOf(head, `${sent}HTTP/1.1`)).toEqual({ body: 'Wikipedia', length: sent.length })
    for (let length = 0; length < sent.length; length++) expect(bodyOf(head, sent.slice(0, length))).toBeUndefined()
  })

  test('a body of a known length is read whole, and an answer without one has none', () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 3'
    expect(bodyOf(head, 'ab')).toBeUndefined()
    expect(bodyOf(head, 'abcHTTP')).toEqual({ body: 'abc', length: 3 })
    expect(bodyOf('HTTP/1.1 204 No Content', 'HTTP')).toEqual({ body: '', length: 0 })
    expect(header({ status: 200, head, body: '' }, 'Content-Length')).toBe('3')
  })

  test('a login form is sent where it says, with entities read and the host left out', () => {
    const page = '<p></p><form id="kc-form-login" action="https://id.example/auth?a=1&amp;b=2" method="post">'
    expect(formAction(page)).toBe('/auth?a=1&b=2')
    expect(() => formAction('<p>locked</p>')).toThrow('no form in <p>locked')
  })

  test('the algorithm of a token is in its header', () => {
    const header64 = Buffer.from('{"alg":"ES256","kid":"k"}').toString('base64url')
    expect(algorithmOf(`${header64}.e30.sig`)).toBe('ES256')
  })

  test('every server is asked with PKCE and for the scope that it names', () => {
    const site = { paths: { authorization: '/oauth2/auth' } } as PeerSite
    const path = authorizationPath(site, 'offline', 'openid offline')
    expect(path).toMatch(/^\/oauth2\/auth\?client_id=offline&/)
    expect(path).toContain('scope=openid+offline')
    expect(path).toContain('code_challenge_method=S256')
  })
})

describe('other servers beside ours', () => {
  test('the cheaper slice counts, server and database together, and a failure stays', () => {
    const costly = { serverMicros: 100, storeMicros: 90 }
    const cheap = { serverMicros: 120, storeMicros: 10 }
    const failure = { failure: 'token answered 500' }
    expect(cheaper(undefined, costly)).toBe(costly)
    expect(cheaper(costly, cheap)).toBe(cheap)
    expect(cheaper(cheap, costly)).toBe(cheap)
    expect(cheaper(cheap, failure)).toBe(failure)
    expect(cheaper(failure, cheap)).toBe(failure)
  })

  test('a server that could not be had, one that failed and one that has no such answer are told apart', () => {
    const found: PeersFound = {
      rows: [
        { operation: 'refresh', contender: 'tables', least: { serverMicros: 400, storeMicros: 100 } },
        { operation: 'refresh', contender: 'hydra', least: { failure: 'token answered 500' } },
      ],
      processes: [
        { contender: 'tables', ...process },
        { contender: 'hydra', ...process },
      ],
      missing: [{ contender: 'keycloak', why: 'spawn mvn ENOENT' }],
    }
    const text = peersText(found)
    expect(text).toMatch(/\| refresh with rotation +\| +2000 \(400 \+ 100\) +\| failed +\|/)
    expect(text).toMatch(/\| jwks +\| +- +\| - +\|/)
    expect(text).toContain('Keycloak could not be had: spawn mvn ENOENT')
    expect(text).toContain('Ory Hydra failed at refresh with rotation: token answered 500')
  })

  test('they are measured only when they are asked for, beside what else is asked', () => {
    expect(parseOptions([]).rows).not.toContain('peers')
    expect(parseOptions(['--peers']).rows).toEqual(expect.arrayContaining(['refresh', 'growth', 'peers']))
    expect(parseOptions(['--peers', '--scenario', 'jwks']).rows).toEqual(['jwks', 'peers'])
    expect(parseOptions(['--scenario', 'peers']).rows).toEqual(['peers'])
    expect(parseOptions(['--cache', '/tmp/kept']).cache).toBe('/tmp/kept')
  })

  test('the release of Java is read from the name of its folder', () => {
    const names = [
      'temurin-25-jdk-amd64',
      'java-17-openjdk-amd64',
      'openjdk-21',
      'default-java',
      'java-1.17.0-openjdk-amd64',
    ]
    expect(names.map(javaRelease)).toEqual([25, 17, 21, 0, 17])
  })
})
