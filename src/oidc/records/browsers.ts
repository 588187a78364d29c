import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import { fixedSeconds } from '../clients/lifetimes.ts'

interface Dependencies {
  readonly secure: boolean
  readonly mac: (secret: string) => string
}

/**
 * Ties interactions to the browser they began in. SECURITY: the library's own cookies of an interaction have a path, so
 * they cannot be `__Host-` cookies: a sibling domain, or whoever answers one plain request, could write those of their
 * own interaction into somebody's browser, who would then finish what another began. The cookie here can be written by
 * nobody but this host.
 */
export interface Browsers {
  /** Serves a request with the browser it comes from at hand. */
  readonly middleware: Middleware
  /**
   * What an interaction of this request is kept with: the tie of the one that was found, else that of this browser,
   * whose cookie lives for another hour. Undefined outside a request.
   */
  tie(): string | undefined
  /** Whether this request comes from the browser that an interaction is tied to. */
  holds(tie: unknown): boolean
}

interface BrowserCookie {
  readonly name: string
  readonly secret: string
}

/** The browser of one request. */
interface Visiting {
  readonly ctx: Context
  /** The tie of the interaction that this request found or began. */
  tied?: string
}

const secretBytes = 16
const wellFormed = /^[\w-]{22}$/
/**
 * SECURITY: a space and no other white space. Browsers let a sibling domain set a cookie whose name begins with some
 * other kind, because it is not called `__Host-` then.
 */
const separator = /; */
/**
 * A browser has several where its first requests came at once, because each was answered with a cookie of its own name.
 */
const mostCookies = 8

/** The browsers that visit a server. */
export function browsers({ secure, mac }: Dependencies): Browsers {
  const prefix = `${secure ? '__Host-' : ''}menshen_browser_`
  const storage = new AsyncLocalStorage<Visiting>()

  function cookiesOf({ headers }: Context): readonly BrowserCookie[] {
    const pairs = (headers.cookie ?? '').split(separator).map((pair) => pair.split('='))
    const own = pairs.map(([name = '', secret = '']) => ({ name, secret }))
    return own.filter(({ name, secret }) => name.startsWith(prefix) && wellFormed.test(secret)).slice(0, mostCookies)
  }

  function newCookie(): BrowserCookie {
    const name = `${prefix}${randomBytes(3).toString('hex')}`
    return { name, secret: randomBytes(secretBytes).toString('base64url') }
  }

  return {
    middleware: (ctx, next) => storage.run({ ctx }, next),

    tie() {
      const visiting = storage.getStore()
      if (!visiting) return undefined
      const { ctx, tied } = visiting
      const known = cookiesOf(ctx)
      const { name, secret } = known.find((each) => mac(each.secret) === tied) ?? known[0] ?? newCookie()
      ctx.cookies.set(name, secret, {
        maxAge: fixedSeconds.interaction * 1000,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: '/',
        signed: false,
        overwrite: true,
      })
      visiting.tied = mac(secret)
      return visiting.tied
    },

    holds(tie) {
      const visiting = storage.getStore()
      if (!visiting) return tie === undefined
      const isOwn = typeof tie === 'string' && cookiesOf(visiting.ctx).some(({ secret }) => mac(secret) === tie)
      if (isOwn) visiting.tied = tie
      return isOwn
    },
  }
}
