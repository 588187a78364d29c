import type { Provider } from 'oidc-provider'
import type { Core } from '../build/core.ts'
import { clientPolicies } from '../oidc/clients/client-policies.ts'
import { acrValues } from '../oidc/demand.ts'
import type { Keys } from '../oidc/keys/signing-keys.ts'
import { libraryPages } from '../oidc/library-pages.ts'
import { buildProvider } from '../oidc/provider.ts'
import { adapterFactory } from '../oidc/records/adapter.ts'
import { browsers } from '../oidc/records/browsers.ts'
import { familyTokens } from '../oidc/records/family-tokens.ts'
import { unitOfWork } from '../oidc/records/unit-of-work.ts'

/** A provider like the server's that answers no requests: it judges clients. It writes nothing. */
export function validatingProvider(core: Core, keys: Keys): Provider {
  const { config, database, store, sealer, clock, directory } = core
  const families = familyTokens(sealer)
  const units = unitOfWork({ database, clock, perClient: config.session.per_client, families })
  const visitors = browsers({ secure: true, mac: (secret) => sealer.mac('browser', secret) })
  const drawn = () => {
    throw new Error('this provider draws no pages')
  }
  const parts = {
    issuer: config.issuer,
    adapter: adapterFactory({
      ...{ units, store, marks: store, sealer, clock, browsers: visitors },
      ownJwt: async () => undefined,
      retrySeconds: () => 0,
    }),
    units,
    database,
    directory,
    pages: libraryPages({ render: drawn, translate: drawn, locale: drawn, now: () => new Date(clock()), database }),
    sealer,
    families,
    clock,
    mayContinue: () => {},
    reachable: new Set(acrValues),
    canRegister: true,
    agreements: [],
    pictureAddress: (id: string) => id,
    privateAddresses: config.outbound.private_addresses,
  }
  const policies = clientPolicies({ clients: [], resources: new Map(), defaults: config.lifetimes })
  return buildProvider(parts, { clients: [], policies, keys, hasOlder: () => true })
}
