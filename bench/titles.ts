import type { ServerName } from './measure.ts'
import type { Row } from './rows.ts'
import { scenarios } from './scenarios.ts'

/** How servers are called in the report. */
export const serverTitles: Readonly<Record<ServerName, string>> = {
  floor: 'bare library, memory',
  redis: 'PostgreSQL + Redis',
  tables: 'PostgreSQL only',
  redis_beside: 'the other checkout, with Redis',
  tables_beside: 'the other checkout, without',
  redis_full: 'PostgreSQL + Redis, full',
  tables_full: 'PostgreSQL only, full',
}

/** How a row of the main table is called. */
export function titleOf(scenario: Row['scenario']): string {
  return scenario === 'login_keycloak' ? 'password login, 7 MiB and 5 passes' : scenarios[scenario].title
}
