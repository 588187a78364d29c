import type { Context } from 'koa'
import type { Clock } from '../../src/base/clock.ts'
import type { Sealer } from '../../src/store/seal.ts'
import type { SentCode } from '../methods/method.ts'
import { otpSeconds } from '../methods/otp.ts'

/** Has a browser remember which codes it has asked for, so that its next attempt leads back to them. */
export interface CodeCookie {
  /** The codes of this browser that may still be good, the newest first. */
  read(ctx: Context): readonly SentCode[]
  remember(ctx: Context, sent: SentCode): void
}

interface Dependencies {
  readonly sealer: Sealer
  readonly clock: Clock
  /** Whether the address is https. SECURITY: then no other host can set the cookie, RFC 6265bis §4.1.3.2. */
  readonly secure: boolean
}

/** Whoever mistypes a number twice comes back to the first. */
const mostCodes = 3
const context = 'codes of a browser'

/**
 * Reads and writes the cookie by which a browser finds a code again that it has asked for. SECURITY: sealed, so that
 * nobody reads a number in it or makes one, and over with the code; nobody without it learns that a code is out. It
 * opens nothing: the code has to be entered all the same.
 */
export function codeCookie({ sealer, clock, secure }: Dependencies): CodeCookie {
  const name = secure ? '__Host-menshen_codes' : 'menshen_codes'
  const endOf = ({ sentAt }: SentCode) => sentAt + otpSeconds * 1000

  function read(ctx: Context): readonly SentCode[] {
    const value = ctx.cookies.get(name, { signed: false })
    try {
      const known = value ? (JSON.parse(sealer.open(value, context)) as readonly SentCode[]) : []
      return known.filter((each) => clock() < endOf(each))
    } catch {
      return []
    }
  }

  return {
    read,
    remember(ctx, sent) {
      const others = read(ctx).filter((each) => !isOfOne(each, sent))
      const value = sealer.seal(JSON.stringify([sent, ...others].slice(0, mostCodes)), context)
      ctx.cookies.set(name, value, {
        maxAge: otpSeconds * 1000,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: '/',
        signed: false,
      })
    },
  }
}

function isOfOne(a: SentCode, b: SentCode): boolean {
  return a.purpose === b.purpose && a.target.to === b.target.to && a.userId === b.userId
}
