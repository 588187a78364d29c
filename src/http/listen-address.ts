import { lookup } from 'node:dns/promises'
import { isLoopback } from '../base/network.ts'
import type { Config } from '../config/schema.ts'

type Resolve = (host: string) => Promise<{ readonly address: string }>

/**
 * The address on which the public listener listens. SECURITY: a sandbox that is not exposed listens only on the address
 * that its host name stands for. Whoever answers name look-ups could give `localhost` an address that others can reach;
 * then this function throws.
 */
export async function listenAddress(
  { sandbox, sandbox_exposed, server }: Config,
  resolve: Resolve = lookup,
): Promise<string> {
  if (!sandbox || sandbox_exposed) return server.host
  const { address } = await resolve(server.host)
  if (isLoopback(address)) return address
  throw new Error(
    `server.host: ${server.host} stands for ${address}, where others reach the sandbox; set 127.0.0.1, or ` +
      'sandbox_exposed: true',
  )
}
