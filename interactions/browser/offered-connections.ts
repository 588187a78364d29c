import { inLanguage } from '../../src/base/languages.ts'
import type { ConnectionItem } from '../../views/form-values.ts'
import type { LoginView } from '../../views/login-views.ts'
import type { LoginMethods } from '../methods/method-registry.ts'
import { icons } from '../upstreams/connection-base.ts'
import type { Connector } from '../upstreams/connector.ts'
import { appOf, type Visit } from '../upstreams/visit.ts'

/**
 * The upstreams to show this visitor: `isHere` where they work in this browser, `isHome` in the one of their own app.
 */
export function offeredConnections(methods: LoginMethods, visit: Visit) {
  const app = appOf(visit)
  return [...methods.values()].flatMap(({ id, connection }) => {
    const availability = connection?.availability(visit) ?? 'hidden'
    if (!connection || availability === 'hidden') return []
    const { provider, places, home } = connection
    const label = connection.label && inLanguage(connection.label, visit.locale)
    const shown = { id, provider, label, ...iconOf(connection), places }
    const isHere = availability === 'here'
    const frame = isHere && connection.frame?.isOffered(visit) ? connection.frame.origin : undefined
    return [{ ...shown, isHere, frame, isHome: home !== undefined && home === app }]
  })
}

function iconOf({ icon, provider }: Pick<Connector, 'icon' | 'provider'>): Pick<ConnectionItem, 'icon' | 'ownIcon'> {
  if (typeof icon === 'object') return { icon: 'own', ownIcon: icon.name }
  const type = provider.split(':')[0]
  return { icon: icon ?? icons.find((each) => each === type) ?? 'key' }
}

interface Asked {
  /** The method that the request names. */
  readonly method: unknown
  /** The one that was used last in this browser. */
  readonly last: string | undefined
  /** Provider of the identity that waits to be bound: to show it once more proves nothing. */
  readonly binding: string | undefined
}

/**
 * The upstreams of a login page: `home`, in whose own browser the page is, comes before everything else, and `scan` has
 * a code to be scanned beside the form. Of the others the one that the request names comes first, then those that work
 * here, then those that need another browser.
 */
export function loginConnections(
  methods: LoginMethods,
  visit: Visit,
  { method, last, binding }: Asked,
): Pick<LoginView, 'home' | 'scan' | 'connections' | 'isInApp'> {
  const rank = ({ id, isHere, isHome }: { id: string; isHere: boolean; isHome: boolean }) =>
    (id === method ? 4 : 0) + (isHere ? 2 : 0) + (isHome ? 1 : 0)
  const offered = offeredConnections(methods, visit)
    .filter(({ provider }) => provider !== binding)
    .toSorted((a, b) => rank(b) - rank(a))
    .map((item) => ({ ...item, isLast: last === item.id }))
  const home = offered.find(({ isHome, isHere }) => isHome && isHere)
  const scan = offered.find(({ frame }) => frame !== undefined)
  return { home, scan, connections: offered.filter((each) => each !== home), isInApp: appOf(visit) !== undefined }
}
