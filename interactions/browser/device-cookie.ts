import type { Context } from 'koa'
import { type Device, type DeviceUse, type KnownDevices, knownDeviceMs } from '../../src/accounts/known-devices.ts'

/** Makes a browser known to the accounts that have logged in with it. */
export interface DeviceCookie {
  /** The browser of this request; without a cookie of ours, a device that no account knows. */
  read(ctx: Context): Device
  /**
   * After a login: the browser is known to that account from now on. It stays so when the person signs out, because
   * that is when they have to log in again; it ends when they sign out everywhere or choose another password after
   * having forgotten it.
   */
  remember(ctx: Context, use: DeviceUse): Promise<void>
}

interface Dependencies {
  readonly devices: Pick<KnownDevices, 'browser' | 'rememberBrowser'>
  /** Whether the address is https. SECURITY: then no other host can set the cookie, RFC 6265bis §4.1.3.2. */
  readonly secure: boolean
}

/** Reads and writes the cookie by which a browser is known to accounts. */
export function deviceCookie({ devices, secure }: Dependencies): DeviceCookie {
  const name = secure ? '__Host-menshen_device' : 'menshen_device'
  const read = (ctx: Context) => devices.browser(ctx.cookies.get(name, { signed: false }))

  return {
    read,
    async remember(ctx, use) {
      const value = await devices.rememberBrowser(read(ctx), use)
      if (value === undefined) return
      // Sealed, and so not signed as well: nothing of it can be read or made elsewhere.
      ctx.cookies.set(name, value, {
        maxAge: knownDeviceMs,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: '/',
        signed: false,
      })
    },
  }
}
