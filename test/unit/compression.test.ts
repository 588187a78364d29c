import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import Koa from 'koa'
import { expect, test } from 'vitest'
import { packingOf, pageSender } from '../../interactions/browser/packed-pages.ts'
import { encodingFor, packOnce, packPage } from '../../src/base/compression.ts'
import { masked, unmasked } from '../../src/base/masked-secret.ts'
import { samples } from '../../views/samples.ts'
import type { ViewName } from '../../views/views.ts'

test.each([
  [undefined, undefined],
  ['', undefined],
  ['identity', undefined],
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip, deflate', 'gzip'],
  ['GZIP', 'gzip'],
  ['br;q=0, gzip;q=0.5', 'gzip'],
  ['br; q=0.0, gzip; q=0', undefined],
  ['*', 'br'],
  ['*;q=0, gzip', 'gzip'],
  ['*;q=0', undefined],
  ['deflate, zstd', undefined],
  ['brotli, x-br', undefined],
])('who accepts %j gets %s', (accepted, encoding) => {
  expect(encodingFor(accepted, ['br', 'gzip'])).toBe(encoding)
})

test('what is packed is the same when it is opened', () => {
  const text = '门神 guards the door. '.repeat(900)
  const { br, gzip } = packOnce(Buffer.from(text))
  expect(brotliDecompressSync(br).toString()).toBe(text)
  expect(gunzipSync(gzip).toString()).toBe(text)
  expect(gunzipSync(packPage(text, 'gzip')).toString()).toBe(text)
})

test('a page with a token, a code or somebody who is signed in is never packed', () => {
  const open = new Set([
    'login',
    'code',
    'register',
    'reset',
    'error',
    'message',
    'terms',
    'logout-done',
    'device-done',
  ])
  for (const name of Object.keys(samples) as ViewName[]) {
    for (const data of samples[name]) {
      const text = JSON.stringify(data)
      const tells = /"(formToken|xsrf|known|account|accounts|accountLabel|fields)":/.test(text)
      expect([name, packingOf(name, data) !== 'never']).toEqual([name, open.has(name) && !tells])
    }
  }
})

test('a page that is drawn instead of a packed one is not taken for packed', () => {
  const sendPage = pageSender()
  const request = new IncomingMessage(new Socket())
  request.headers['accept-encoding'] = 'gzip'
  const ctx = new Koa().createContext(request, new ServerResponse(request))
  sendPage(ctx, '<p>first', 'each')
  expect([ctx.response.get('content-encoding'), ctx.response.get('vary')]).toEqual(['gzip', 'Accept-Encoding'])
  sendPage(ctx, '<p>second', 'never')
  expect([ctx.response.get('content-encoding'), ctx.body]).toEqual([undefined, '<p>second'])
})

test('a page that nothing is typed into is packed once, and what was typed is not remembered', () => {
  const once = new Set(['login', 'register', 'reset', 'terms'])
  for (const name of Object.keys(samples) as ViewName[]) {
    for (const data of samples[name]) {
      const { phone, identifier } = (data as { values?: { phone?: string; identifier?: string } }).values ?? {}
      const isBlank = once.has(name) && phone === undefined && identifier === undefined
      if (packingOf(name, data) !== 'never')
        expect([name, packingOf(name, data)]).toEqual([name, isBlank ? 'once' : 'each'])
    }
  }
  const sendPage = pageSender()
  const sent = (html: string, method = 'GET') => {
    const request = new IncomingMessage(new Socket())
    request.method = method
    request.headers['accept-encoding'] = 'gzip'
    const ctx = new Koa().createContext(request, new ServerResponse(request))
    sendPage(ctx, html, 'once')
    return ctx.body
  }
  const first = sent('<p>alike')
  expect(sent('<p>alike')).toBe(first)
  expect(gunzipSync(first as Buffer).toString()).toBe('<p>alike')
  for (let page = 0; page < 64; page++) sent(`<p>other ${page}`)
  expect(sent('<p>alike')).not.toBe(first)
  expect(sent('<p>alike', 'POST')).toBe('<p>alike')
})

test('a masked secret is different each time, as long as the last one, and the same when it is unmasked', () => {
  const secret = 'Q3k_-x'.repeat(7)
  const written = Array.from({ length: 50 }, () => masked(secret))
  expect(new Set(written).size).toBe(50)
  expect(new Set(written.map(({ length }) => length)).size).toBe(1)
  for (const each of written) expect(unmasked(each).toString()).toBe(secret)
  // No place of it is the same in all: nothing is left to be guessed.
  for (let place = 0; place < 50; place++) expect(new Set(written.map((each) => each[place])).size).toBeGreaterThan(5)
})

test.each(['', 'a', '*'.repeat(99), 'Zm9v'])('what is no masked secret unmasks to something else: %j', (text) => {
  expect(unmasked(text).toString()).not.toBe('Q3k_-x'.repeat(7))
})
