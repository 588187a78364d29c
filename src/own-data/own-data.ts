import { z } from 'zod'

const text = z.string()
const time = z.iso.datetime().describe('UTC.')
const timeOrNull = time.nullable()
const textOrNull = text.nullable()

const identity = z
  .strictObject({
    provider: text.describe('`phone`, `email`, `username`, or the upstream that vouches for it.'),
    subjects: z
      .array(text)
      .describe('What it is found by: the number, the address, the name, the ids at the upstream.'),
    created_at: time,
    created_from: text.describe('Address of the network.'),
    verified_at: timeOrNull.describe('When it was proved for the first time.'),
    last_used_at: time,
    last_used_from: text.describe('Address of the network.'),
  })
  .describe('A way to log in.')

const session = z
  .strictObject({
    kind: z.enum(['browser', 'app']),
    apps: z.array(text).describe('Names of the apps that are signed in there.'),
    method: textOrNull,
    device: textOrNull,
    ip: textOrNull,
    signed_in_at: time,
    last_used_at: time,
    expires_at: time,
  })
  .describe('Where the account is signed in.')

const app = z
  .strictObject({
    client_id: text,
    name: text,
    granted: z.array(text).describe('Scopes that were allowed.'),
    refused: z.array(text).describe('Scopes that were asked for and not allowed.'),
    since: time,
    last_used_at: time,
  })
  .describe('An app of others that was allowed something.')

const agreement = z
  .strictObject({ document: text, version: text, at: time })
  .describe('A document that was agreed to, the first time in each version.')

const login = z
  .strictObject({
    at: time,
    method: text,
    provider: textOrNull,
    client_id: textOrNull,
    device: textOrNull,
    ip: textOrNull,
  })
  .describe('A login.')

const event = z
  .strictObject({
    at: time,
    event: text.describe('Names: docs/observability.md.'),
    provider: textOrNull,
    client_id: textOrNull,
    ip: textOrNull.describe('Absent where somebody else may have caused it.'),
    reason: textOrNull,
  })
  .describe('Something that happened to the account.')

/** Everything that is kept about one person, as they may take it along: no hash, no secret, nothing about others. */
export const ownData = z
  .strictObject({
    $schema: text,
    issuer: text.describe('The server it comes from.'),
    made_at: time,
    profile: z.strictObject({
      id: text.describe('The `sub` that apps know.'),
      status: text,
      nickname: textOrNull,
      picture: textOrNull.describe('Address of the picture; our copy of it is in the archive.'),
      created_at: time,
      updated_at: time,
      password_set_at: timeOrNull,
    }),
    identities: z.array(identity),
    agreements: z.array(agreement),
    apps: z.array(app),
    sessions: z.array(session),
    known_apps: z
      .array(z.strictObject({ used_at: time }))
      .describe('Installations of apps that have logged in before.'),
    logins: z.array(login).describe('As far back as the audit is kept, the newest first.'),
    events: z.array(event).describe('As far back as the audit is kept, the newest first.'),
    is_cut: z.boolean().describe('Whether there were more logins or events than an archive holds.'),
  })
  .describe('What this server keeps about one person.')

/** What is kept about one person. */
export type OwnData = z.output<typeof ownData>

/** The lists in it, each of which is also a table for people and spreadsheets. */
export const listNames = ['identities', 'agreements', 'apps', 'sessions', 'logins', 'events'] as const

/** The members of an item of each list, in their order. */
export const listColumns = {
  identities: Object.keys(identity.shape),
  agreements: Object.keys(agreement.shape),
  apps: Object.keys(app.shape),
  sessions: Object.keys(session.shape),
  logins: Object.keys(login.shape),
  events: Object.keys(event.shape),
} as const satisfies Record<(typeof listNames)[number], readonly string[]>

/** JSON Schema of `data.json`, for whoever reads an archive by program. */
export function ownDataSchema(address: string): Record<string, unknown> {
  return { ...z.toJSONSchema(ownData), $id: address }
}
