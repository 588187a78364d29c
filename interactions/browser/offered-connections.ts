import type { Visit } from '../methods/connector.ts'
import type { LoginMethods } from '../methods/registry.ts'

/** The upstreams to show this visitor: `isHere` where they work in this browser, `isHome` in the one of their own app. */
export function offeredConnections(methods: LoginMethods, visit: Visit) {
  return [...methods.values()].flatMap(({ id, connection }) => {
    const availability = connection?.availability(visit) ?? 'hidden'
    if (!connection || availability === 'hidden') return []
    const { provider, label, places } = connection
    const isHome = connection.isHome?.(visit) ?? false
    return [{ id, provider, label, places, isHere: availability === 'here', isHome }]
  })
}
