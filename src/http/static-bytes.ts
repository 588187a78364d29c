import { createHash } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import { paths } from '../base/paths.ts'
import { jwksCacheSeconds } from '../oidc/keys/key-life.ts'

interface Bytes {
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

const metadataPaths = new Set<string>([paths.discovery, paths.oauthMetadata, paths.jwks])
const briefly = { 'cache-control': 'public, max-age=300' }
const forEver = { 'cache-control': 'public, max-age=31536000, immutable' }
const untilKeysChange = {
  'cache-control': `public, max-age=${jwksCacheSeconds}`,
  'access-control-allow-origin': '*',
}

/** Style, script and logo, from memory. Their addresses contain a hash, so browsers may keep them for ever. */
export function assetBytes(assets: ReadonlyMap<string, Bytes>): Middleware {
  return (ctx, next) => {
    const found = ctx.method === 'GET' || ctx.method === 'HEAD' ? assets.get(ctx.path) : undefined
    if (!found) return next()
    ctx['_matchedRouteName'] = 'asset'
    answer(ctx, found, ctx.query['v'] === undefined ? briefly : forEver)
    return undefined
  }
}

/**
 * Answers discovery and keys with bytes that are made once for each provider; this is several times cheaper than the
 * library's own answer. A provider that is built for changed keys has a middleware of its own.
 */
export function metadataBytes(): Middleware {
  const cache = new Map<string, Bytes>()
  return async (ctx, next) => {
    if ((ctx.method !== 'GET' && ctx.method !== 'HEAD') || !metadataPaths.has(ctx.path)) return next()
    let bytes = cache.get(ctx.path)
    if (!bytes) {
      await next()
      if (ctx.status !== 200) return
      const body = Buffer.from(JSON.stringify(ctx.body))
      bytes = { body, type: ctx.response.get('content-type'), etag: etagOf(body) }
      cache.set(ctx.path, bytes)
    }
    ctx['_matchedRouteName'] = ctx.path === paths.jwks ? 'jwks' : 'discovery'
    answer(ctx, bytes, untilKeysChange)
  }
}

/** Writes the answer without koa, whose own way costs more than everything else that such a request needs. */
function answer(ctx: Context, { body, type, etag }: Bytes, headers: Readonly<Record<string, string>>): void {
  ctx.respond = false
  if (ctx.req.headers['if-none-match'] === etag) {
    ctx.res.writeHead(304, { etag, ...headers }).end()
    return
  }
  const length = String(body.length)
  ctx.res.writeHead(200, { etag, ...headers, 'content-type': type, 'content-length': length })
  ctx.res.end(ctx.method === 'HEAD' ? undefined : body)
}

function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}
