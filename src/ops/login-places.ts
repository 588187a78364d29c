import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import { everyIdText } from './every-id.ts'
import type { IpPlaces, Place } from './ip-places.ts'

/** One login, as it is told to its owner. */
export interface PlacedLogin {
  readonly userId: UserId
  readonly ip: string
  /** The request that it came with: its own row in the audit is no earlier login. */
  readonly requestId: string | undefined
}

/** Where a login came from. */
export interface LoginPlace {
  readonly place: Place
  /** Whether the account was used elsewhere before, and never there. */
  readonly isNew: boolean
}

/** Answers where a login came from; undefined where nobody knows. */
export type PlaceLogin = (login: PlacedLogin) => Promise<LoginPlace | undefined>

/** Logins that are looked at. */
const mostLogins = 100

/**
 * Compares the province, or the country, of a login with those of earlier ones, as far back as the audit is kept.
 * Nothing is finer than a province, and phones of the mainland are often placed where their carrier's gateway is.
 */
export function loginPlaces({ knex, places }: { readonly knex: Knex; readonly places: IpPlaces }): PlaceLogin {
  return async ({ userId, ip, requestId }) => {
    const place = await places.find(ip)
    if (!place) return undefined
    const rows: readonly { ip: string }[] = await knex
      .select('ip')
      .distinct()
      .from(
        knex('audit_events')
          .whereRaw(`user_id = any(${everyIdText(':userId')})`, { userId })
          .where({ event: 'login.succeeded' })
          .whereNotNull('ip')
          .whereRaw('request_id is distinct from ?', [requestId ?? null])
          .orderBy('at', 'desc')
          .limit(mostLogins)
          .select('ip')
          .as('earlier'),
      )
    const earlier = (await Promise.all(rows.map((row) => places.find(row.ip)))).flatMap((each) => each ?? [])
    return { place, isNew: earlier.length > 0 && !earlier.some((each) => nameOf(each) === nameOf(place)) }
  }
}

function nameOf(place: Place): string {
  return 'province' in place ? place.province : place.country
}
