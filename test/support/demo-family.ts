import { exchange, loginBySms, startLogin } from './login.ts'
import { Visitor } from './visitor.ts'
import type { World } from './world.ts'

type Where = Pick<World, 'issuer' | 'port' | 'otp'>

/** The client of the sandbox's demo. */
export const demoClientId = 'sandbox-demo'

/** Logs somebody in at the demo; each call of what is answered gives the refresh token of a new family. */
export async function demoFamilies(where: Where, phone: string): Promise<() => Promise<string>> {
  const visitor = new Visitor(where.issuer, where.port)
  const redirectUri = `${where.issuer}/sandbox/callback`
  const request = startLogin(where, demoClientId, redirectUri, { scope: 'openid phone offline_access' })
  await loginBySms(where, visitor, request, phone)
  return async () => {
    const { location } = await visitor.get(request)
    return (await exchange(where, demoClientId, redirectUri, location))['refresh_token'] as string
  }
}
