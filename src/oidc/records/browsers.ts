import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import { fixedSeconds } from '../clients/lifetimes.ts'

interface Dependencies {
  readonly secure: boolean
  readonly mac: (secret: string) => string
}

/**
 * Ties each interaction to the browser it began in. SECURITY: the library's own cookies of an interaction have a path,
 * so they cannot be `__Host-` cookies. A sibling domain, or anybody who can answer one plain-http request, could write
 * the cookies of their own interaction into somebody else's browser, and that person would then finish a login which
 * the attacker began. The cookie set here can be written by this host alone.
 */
export interface Browsers {
  /** Serves a request and makes known, while it runs, which browser it comes from. */
  readonly middleware: Middleware
  /**
   * The tie that an interaction of this request is stored with. It is the tie of the interaction that was found, or
   * else the tie of this browser, whose cookie then lives for another hour. Undefined outside a request.
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
 * SECURITY: only a space is accepted, no other white space. A sibling domain can set a cookie whose name begins with
 * another kind of white space: browsers do not treat that name as beginning with `__Host-`.
 */
const separator = /; */
/**
 * A browser has several of these cookies if its first requests came at once, because each request was answered with a
 * cookie that has a name of its own.
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
