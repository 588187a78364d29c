import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Middleware } from 'koa'
import { paths } from '../base/paths.ts'
import {
  type Bytes,
  etagOf,
  type Representations,
  representations,
  sendBytes,
  writeBytes,
} from '../base/representations.ts'
import { jwksCacheSeconds } from '../oidc/keys/key-life.ts'
import { nothingThere } from './customary-paths.ts'
import type { RequestRecord } from './request-record.ts'

const metadataPaths = new Set<string>([paths.discovery, paths.oauthMetadata, paths.jwks])
const briefly = { 'cache-control': 'public, max-age=300' }
const forEver = { 'cache-control': 'public, max-age=31536000, immutable' }
const untilKeysChange = {
  'cache-control': `public, max-age=${jwksCacheSeconds}`,
  'access-control-allow-origin': '*',
}

/**
 * SECURITY: a picture that is opened by itself would be a page of this origin. An operator may have made it: whatever
 * it holds, it runs nothing and loads nothing.
 */
const asPicture = { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox" }

/**
 * Style, script and pictures, from memory. Where the address contains a hash, in the name of the file or behind it,
 * browsers may keep it for ever. Whoever asks for one that is not there wants no page.
 */
export function assetBytes(
  assets: ReadonlyMap<string, Bytes>,
  /** What clients bring along comes and goes. */
  ofClients: (path: string) => Bytes | undefined,
): Middleware {
  const ready = new Map([...assets].map(([path, bytes]) => [path, representations(bytes)]))
  const packed = new WeakMap<Bytes, Representations>()
  function findOfClients(path: string): Representations | undefined {
    const bytes = ofClients(path)
    const known = bytes && packed.get(bytes)
    if (!bytes || known) return known
    const made = representations(bytes, 'quick')
    packed.set(bytes, made)
    return made
  }
  return (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
    const isAsset = ctx.path.startsWith(`${paths.assets}/`)
    const found = ready.get(ctx.path) ?? (isAsset ? findOfClients(ctx.path) : undefined)
    if (!found && !isAsset) return next()
    ctx['_matchedRouteName'] = 'asset'
    if (!found) return nothingThere(ctx)
    const { etag, headers } = found.plain
    const isHashed = ctx.query['v'] !== undefined || ctx.path.includes(etag.slice(1, -1))
    const caching = isHashed ? forEver : briefly
    return sendBytes(ctx, found, headers['content-type'] === 'image/svg+xml' ? { ...caching, ...asPicture } : caching)
  }
}

/** Discovery and keys of one provider. */
export interface Metadata {
  /** Answers every request for them, and keeps the bytes that the library has made. */
  readonly middleware: Middleware
  /**
   * Answers a request in front of koa, which costs more than such an answer; false where that needs more than to send
   * the bytes that are kept, or they may not be sent.
   */
  answer(request: IncomingMessage, response: ServerResponse): boolean
}

/**
 * Answers discovery and keys with bytes that are made once for each provider; this is several times cheaper than the
 * library's own answer. A provider that is built for changed keys has bytes of its own.
 */
export function metadataBytes(record: RequestRecord, isSilenced: () => boolean): Metadata {
  const cache = new Map<string, Representations>()
  const routeOf = (path: string) => (path === paths.jwks ? 'jwks' : 'discovery')

  return {
    async middleware(ctx, next) {
      if ((ctx.method !== 'GET' && ctx.method !== 'HEAD') || !metadataPaths.has(ctx.path)) return next()
      let bytes = cache.get(ctx.path)
      if (!bytes) {
        await next()
        if (ctx.status !== 200) return
        const body = Buffer.from(JSON.stringify(ctx.body))
        const type = ctx.response.get('content-type')
        // Every change of the catalog makes a provider, and people wait meanwhile.
        bytes = representations({ body, type, etag: etagOf(body) }, 'quick')
        cache.set(ctx.path, bytes)
      }
      ctx['_matchedRouteName'] = routeOf(ctx.path)
      sendBytes(ctx, bytes, untilKeysChange)
    },

    answer(request, response) {
      const { method = '', url = '', headers } = request
      const bytes = method === 'GET' ? cache.get(url) : undefined
      if (!bytes || isSilenced()) return false
      const started = performance.now()
      const requestId = record.nextId()
      writeBytes(request, response, bytes, { ...record.headersOf(requestId), ...untilKeysChange })
      const { statusCode: status } = response
      const ip = String(headers['x-forwarded-for'])
      const durationMs = performance.now() - started
      record.write({ requestId, method, route: routeOf(url), status, durationMs, ip })
      return true
    },
  }
}
