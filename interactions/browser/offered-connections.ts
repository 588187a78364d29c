import type { LoginMethods } from '../methods/method-registry.ts'
import type { Visit } from '../upstreams/connector.ts'

/**
 * The upstreams to show this visitor: `isHere` where they work in this browser, `isHome` in the one of their own app.
 */
export function offeredConnections(methods: LoginMethods, visit: Visit) {
  return [...methods.values()].flatMap(({ id, connection }) => {
    const availability = connection?.availability(visit) ?? 'hidden'
    if (!connection || availability === 'hidden') return []
    const { provider, label, places } = connection
    const isHome = connection.isHome?.(visit) ?? false
    return [{ id, provider, label, places, isHere: availability === 'here', isHome }]
  })
}
