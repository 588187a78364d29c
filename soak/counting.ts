import type { Person } from './ledger.ts'
import type { Database } from './rows.ts'
import type { LogLine } from './server-life.ts'

/** What the books of the people are compared with. */
export interface Books {
  readonly people: readonly Pick<Person, 'index' | 'phone' | 'logins' | 'thefts'>[]
  /** Accounts that came by a file. */
  readonly imported: number
  /** Audit events that went to the log. */
  readonly unstored: readonly LogLine[]
  /** How often a server was killed: an event that was not waited for may have gone with it. */
  readonly kills: number
  /** Logins that all servers together have counted, at least. */
  readonly countedLogins: number
}

interface Row {
  readonly subject: string
  readonly user_id: string
  readonly logins: string
  readonly thefts: string
}

const perPerson = `
  select s.subject, i.user_id,
    (select count(*) from audit_events a where a.user_id = i.user_id and a.event = 'login.succeeded') as logins,
    (select count(*) from audit_events a where a.user_id = i.user_id and a.event = 'token.reused') as thefts
  from identity_subjects s join identities i on i.id = s.identity_id where s.provider = 'phone'`

const total = `
  select (select count(*) from users) as users,
    (select count(*) from audit_events where event = 'user.registered') as registered,
    (select count(*) from audit_events where event = 'login.succeeded') as logins`

/** What does not add up between people, rows, audit and metrics. */
export async function miscounts(database: Database, books: Books): Promise<string[]> {
  const { people, imported, unstored, kills, countedLogins } = books
  const found: string[] = []
  const missing = (event: string, userId?: string) =>
    unstored.filter(({ audit }) => audit?.event === event && (userId === undefined || audit.user_id === userId)).length
  const rows = (await database.query(perPerson)).rows as unknown as Row[]
  const byPhone = new Map(rows.map((row) => [row.subject, row]))
  let lostThefts = 0
  for (const { index, phone, logins, thefts } of people) {
    const row = byPhone.get(phone)
    const userId = row?.user_id
    const stored = Number(row?.logins ?? 0)
    const atLeast = logins.known - missing('login.succeeded', userId)
    if (stored < atLeast || stored > logins.known + logins.doubtful) {
      found.push(
        `person ${index} knows of ${logins.known} logins and ${logins.doubtful} in doubt, the audit of ${stored} (${userId})`,
      )
    }
    const noticed = Number(row?.thefts ?? 0)
    if (noticed > thefts.known + thefts.doubtful) {
      found.push(`the audit has ${noticed} second uses of person ${index}, who knows of ${thefts.known} (${userId})`)
    }
    lostThefts += Math.max(0, thefts.known - noticed)
  }
  if (lostThefts > missing('token.reused') + kills) found.push(`${lostThefts} second uses are not in the audit`)

  const [sums] = (await database.query(total)).rows
  const [users, registered, logins] = [sums?.['users'], sums?.['registered'], sums?.['logins']].map(Number)
  if (users !== imported + (registered ?? 0) + missing('user.registered')) {
    found.push(`there are ${users} users, ${imported} of a file, and the audit has ${registered} registrations`)
  }
  if (countedLogins > (logins ?? 0) + missing('login.succeeded')) {
    found.push(`the servers counted ${countedLogins} logins, and the audit has ${logins}`)
  }
  return found
}

/** Of the metrics of a server: logins that succeeded. */
export function loginsIn(metrics: string): number {
  const lines = metrics.matchAll(/^menshen_logins_total\{[^}]*outcome="succeeded"[^}]*\} (\d+)/gm)
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0)
}
