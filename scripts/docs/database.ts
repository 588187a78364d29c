import { readFileSync } from 'node:fs'
import { markdownTable } from './markdown.ts'

/** What the migrations make of an empty database; a test compares it with a real one on every run. */
const snapshot = new URL('../../test/migrations.schema.txt', import.meta.url)

/** What a row of each table is, and when it goes. */
const tables: Readonly<Record<string, string>> = {
  users: 'A person. The id is the `sub` of every token. No password and no login identifier.',
  pictures: 'Our copy of the picture of a user, made where `pictures.copy` is on.',
  identities: 'A way in of a user, filed under its provider; `upstream_credential` is sealed.',
  identity_subjects: 'What an identity is found by: a number, an address, an openid. Unique within its provider.',
  identity_issuers: 'Whose people a provider stands for: written at the first start, changed by `connections accept`.',
  upstream_revocations:
    'What an upstream gave us to keep, sealed, and is to be given back since its identity has gone; goes when that is done, or given up.',
  merges:
    'An account that became part of another. What taking them apart needs is kept for seven days; the row stays, because an old `sub` is an alias for good.',
  merge_requests: 'A merge that one operator has asked for and another has to confirm, for a day.',
  data_export_requests: 'Somebody who waits for what is kept about them; gone when it is made.',
  data_exports: 'An archive of what is kept about a person, sealed; swept after seven days.',
  invites:
    'A code with which one account may be made where a client asks for it: its digest, who made it and who used it. It stays, so that operators see what became of it.',
  passwords: 'The hash of the one password of a user.',
  imported_accounts:
    'What an account was called in the system that it was moved in from. A digest of it stays when the account is deleted, so that no later import brings it back.',
  known_devices:
    'An app that has logged in to an account, by the key it proves. Twenty a user at most; gone with signing out elsewhere.',
  clients: 'A registered client as its seed says; `secret` is sealed.',
  former_clients:
    'The name of a client that is gone: another one that gets it inherits nothing. Written by a trigger of `clients`.',
  resources: 'An API and what its access tokens look like.',
  keys: 'A key that signs tokens or cookies, sealed, with the state it is in.',
  catalog_versions: 'A counter that goes up when clients or keys change; running servers compare it.',
  servers:
    'A process that serves, and the version it runs, for `--wait`; while one needs the rows of used refresh tokens, they stay. Gone when it stops; ten minutes after it was killed.',
  oidc_records:
    'What the protocol stores: sessions, grants, codes and tokens, by the digest of their value. A row is swept an hour after `expires_at`, that of a code, an access token or nobody a minute after. A used refresh token has none.',
  ephemeral: 'Values with a short life, where there is no Redis. Not logged, and lost when PostgreSQL crashes.',
  money_spent:
    'What messages have cost, in sixtieths of an hour and of a day, for each part of the world and of its pot. Swept after two days.',
  logout_notices: 'A back-channel logout that a client has not confirmed yet.',
  account_deletions:
    'An account whose deletion was asked for, and until when it may be taken back. Goes when it is, and with the account.',
  alarms:
    'That a budget was used up by half or four fifths, for `abuse.alarm_webhook`; goes when it was taken, or given up after a day and a half.',
  client_events:
    'What an app of ours is to be told of an account, and has not confirmed yet. Goes when it has, after a week of attempts, or never: that an account is gone is told until it is heard.',
  owner_messages:
    'What the owner of an account is to be told, for one number or address, which is sealed; goes when it is sent, or given up after a day and a half.',
  identity_changes:
    'A number or address, sealed, that waits to take the place of one that was not proved. Goes when it has, when it is stopped, and with the identity.',
  consents:
    'What a person has decided about an app of others, granted and refused, whichever login it was in. Goes when they take it back, with the client, and when the account is locked or deleted.',
  readiness: 'One row that `/readyz` writes, to find out whether the database takes writes.',
  audit_events: 'What happened, for as long as `ops.audit_retention` says. No number, no name, no token.',
  schema_migrations:
    'The migrations that have run, with their checksums, and what a program must know to run beside each.',
}

/** What each function is for. */
const functions: Readonly<Record<string, string>> = {
  end_older_grants:
    'Ends the logins that a new one takes the place of, one login after the other, and answers their rows.',
  remember_former_client: 'Notes the name of a client that is removed in `former_clients`.',
  look_at_shortened: 'Has the next sweep look at a row of `oidc_records` whose life was made shorter by hand.',
  take_money: 'Spends from several parts of pots in `money_spent`, from all of them or from none, or gives back.',
  take_counters: 'Counts for limits in several rows of `ephemeral`, in all of them or in none.',
}

/** References that no constraint holds, because the rows are many and go by themselves. */
const looseReferences: readonly (readonly [from: string, column: string, to: string])[] = [
  ['oidc_records', 'user_id', 'users'],
  ['audit_events', 'user_id', 'users'],
  ['logout_notices', 'user_id', 'users'],
  ['logout_notices', 'client_id', 'clients'],
  ['client_events', 'user_id', 'users'],
  ['client_events', 'client_id', 'clients'],
  ['consents', 'client_id', 'clients'],
  ['upstream_revocations', 'user_id', 'users'],
  ['owner_messages', 'user_id', 'users'],
]

interface Table {
  readonly columns: string[]
  readonly others: string[]
  readonly references: string[]
  primaryKey: string
}

/**
 * The tables with their columns as a picture (Mermaid) and as a page, and the functions. Throws for one that nobody has
 * described.
 */
export function databaseMarkdown(): string {
  const schema = read()
  // The snapshot lists under this name what belongs to no table.
  const apart = schema.get('none')?.others.map((each) => /`(\w+) function`/.exec(each)?.[1] ?? each) ?? []
  schema.delete('none')
  for (const name of [...apart, ...Object.keys(functions)]) {
    if (!apart.includes(name) || !(name in functions))
      throw new Error(`scripts/docs/database.ts has to describe ${name}, which belongs to no table`)
  }
  for (const name of [...schema.keys(), ...Object.keys(tables)]) {
    if (!schema.has(name) || !(name in tables))
      throw new Error(`scripts/docs/database.ts has to describe the table ${name}`)
  }
  const sections = Object.entries(tables).flatMap(([name, what]) => {
    const { columns, others } = schema.get(name) as Table
    const rows = columns.map((column) => {
      const [, named = '', type = ''] = /^(\S+) (.*)$/.exec(column) ?? []
      return [`\`${named}\``, type.replaceAll('|', '\\|')]
    })
    const notes = others.map((each) => `- ${each.replaceAll('|', '\\|')}`)
    return ['', `## ${name}`, '', what, '', ...markdownTable(['column', 'type'], rows), '', ...notes]
  })
  const called = Object.entries(functions).map(([name, what]) => `- \`${name}\`: ${what}`)
  return `${[...head, ...picture(schema), ...sections, '', '## Functions', '', ...called].join('\n')}\n`
}

const head = [
  '# Database',
  '',
  'Written by `npm run docs` from `test/migrations.schema.txt`, which a test compares with a migrated database; do not edit.',
  '',
  'Migrations only add, and run forward. Lines without a constraint behind them are dotted.',
  '',
]

function picture(schema: ReadonlyMap<string, Table>): string[] {
  const boxes = [...schema].flatMap(([name, { columns, primaryKey }]) => {
    const lines = columns.map((column) => {
      const [, named = '', type = ''] = /^(\S+) (\w+)/.exec(column) ?? []
      const isKey = primaryKey.split(', ').includes(named)
      return `    ${type} ${named}${isKey ? ' PK' : ''}`
    })
    return [`  ${name} {`, ...lines, '  }']
  })
  const firm = [...schema].flatMap(([name, { references }]) =>
    references.map((reference) => {
      const [column, to] = reference.split(' ')
      return `  ${to} ||--o{ ${name} : ${column}`
    }),
  )
  const loose = looseReferences.map(([from, column, to]) => `  ${to} |o..o{ ${from} : ${column}`)
  return ['```mermaid', 'erDiagram', ...boxes, ...firm, ...loose, '```']
}

function read(): Map<string, Table> {
  const found = new Map<string, Table>()
  for (const line of readFileSync(snapshot, 'utf8').split('\n')) {
    const [, name, kind, rest = ''] = /^(\w+): (\w+) ?(.*)$/.exec(line) ?? []
    if (name === undefined) continue
    const table = found.get(name) ?? { columns: [], others: [], references: [], primaryKey: '' }
    found.set(name, table)
    if (kind === 'column') table.columns.push(rest)
    else if (kind === 'table') table.others.push(...(rest === '' ? [] : [`stored ${rest}`]))
    else table.others.push(`${kind} \`${rest}\``)
    const reference = /FOREIGN KEY \((\w+)\) REFERENCES (\w+)/.exec(rest)
    if (reference) table.references.push(`${reference[1]} ${reference[2]}`)
    table.primaryKey ||= /PRIMARY KEY \(([^)]*)\)/.exec(rest)?.[1] ?? ''
  }
  return found
}
