import { createHash } from 'node:crypto'
import type { Context, Middleware } from 'koa'

interface Bytes {
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

const metadataPaths = new Set(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'])
const metadataCache = 'public, max-age=300'
const assetCache = 'public, max-age=31536000, immutable'

/** Style, script and logo, from memory. Their addresses carry a hash, so they may be kept for ever. */
export function assetBytes(assets: ReadonlyMap<string, Bytes>): Middleware {
  return (ctx, next) => {
    const found = ctx.method === 'GET' || ctx.method === 'HEAD' ? assets.get(ctx.path) : undefined
    if (!found) return next()
    answer(ctx, found, ctx.query['v'] === undefined ? metadataCache : assetCache)
    return undefined
  }
}

/**
 * Discovery and keys as bytes that are made once for a provider, several times cheaper than the library's own answer. A provider
 * built for changed keys brings a middleware of its own.
 */
export function metadataBytes(): Middleware {
  const cache = new Map<string, Bytes>()
  return async (ctx, next) => {
    if ((ctx.method !== 'GET' && ctx.method !== 'HEAD') || !metadataPaths.has(ctx.path)) return next()
    let bytes = cache.get(ctx.path)
    if (!bytes) {
      const method = ctx.method
      ctx.method = 'GET'
      await next()
      ctx.method = method
      if (ctx.status !== 200) return
      const body = Buffer.from(JSON.stringify(ctx.body))
      bytes = { body, type: ctx.response.get('content-type'), etag: etagOf(body) }
      cache.set(ctx.path, bytes)
    }
    ctx.set('access-control-allow-origin', '*')
    answer(ctx, bytes, metadataCache)
  }
}

function answer(ctx: Context, { body, type, etag }: Bytes, cacheControl: string): void {
  ctx.set('etag', etag)
  ctx.set('cache-control', cacheControl)
  if (ctx.get('if-none-match') === etag) {
    ctx.status = 304
    return
  }
  ctx.status = 200
  ctx.set('content-type', type)
  ctx.body = body
}

function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}
