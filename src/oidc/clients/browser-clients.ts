import type { Database } from '../../store/postgres.ts'

/** A client as it is registered; what has a default may be left out. */
type Registration = Readonly<Record<string, unknown>>

/**
 * Whether even what a client was granted for offline use ends with the browser session: it is a web app of ours. Native
 * apps were signed in on their own and stay, as do devices that showed a code, whose clients have no redirect URI, and
 * what somebody else's app was granted.
 */
export function endsWithBrowser({ first_party, application_type, redirect_uris }: Registration): boolean {
  const isWeb = application_type !== 'native' && Array.isArray(redirect_uris) && redirect_uris.length > 0
  return first_party === true && isWeb
}

/** The registered clients that stay, for statements: by what is registered now, not when something was granted. */
export async function clientsThatStay(knex: Pick<Database, 'knex'>['knex']): Promise<readonly string[]> {
  const clients: { client_id: string; metadata: Registration }[] = await knex('clients').select('client_id', 'metadata')
  return clients.filter(({ metadata }) => !endsWithBrowser(metadata)).map(({ client_id }) => client_id)
}
