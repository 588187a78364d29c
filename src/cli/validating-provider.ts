import type { Provider } from 'oidc-provider'
import type { Core } from '../core.ts'
import { adapterFactory } from '../oidc/adapter.ts'
import { browsers } from '../oidc/browsers.ts'
import { clientPolicies } from '../oidc/client-policies.ts'
import { ensureKeys } from '../oidc/key-rotation.ts'
import { loadKeys } from '../oidc/keys.ts'
import { libraryPages } from '../oidc/pages.ts'
import { buildProvider } from '../oidc/provider.ts'
import { unitOfWork } from '../oidc/unit-of-work.ts'

/**
 * A provider like the server's that answers no requests: it judges clients. It opens the signing keys, so that under a wrong
 * master key nothing is sealed that the server could not open; a database without keys gets its first ones.
 */
export async function validatingProvider(core: Core): Promise<Provider> {
  const { config, log, database, store, sealer, clock, directory } = core
  await ensureKeys({ database, sealer, clock, log })
  const keys = await loadKeys({ database, sealer })
  const units = unitOfWork({ database, clock })
  const visitors = browsers({ secure: true, mac: (secret) => sealer.mac('browser', secret) })
  const drawn = () => {
    throw new Error('this provider draws no pages')
  }
  const parts = {
    issuer: config.issuer,
    adapter: adapterFactory({ units, store, sealer, clock, browsers: visitors }),
    units,
    database,
    directory,
    pages: libraryPages({ render: drawn, translate: drawn, now: () => new Date(clock()) }),
    sealer,
    clock,
    mayContinue: () => {},
    privateAddresses: config.outbound.private_addresses,
  }
  const policies = clientPolicies({ clients: [], resources: new Map(), defaults: config.lifetimes })
  return buildProvider(parts, { clients: [], policies, keys })
}
