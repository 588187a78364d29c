import type { Payload } from './stored-models.ts'

/** What a session holds of one client. */
export interface HeldAuthorization {
  readonly sid?: string
  readonly grantId?: string
  /** It was given for offline use: a logout of the library's does not end it. */
  readonly persistsLogout?: boolean
}

/** What the library stores, as far as we read it, in whichever model. Times are seconds since the epoch. */
interface Members extends HeldAuthorization {
  readonly accountId: string
  readonly clientId: string
  readonly iat: number
  /** Of a session that somebody is signed in to: since when. */
  readonly loginTs: number
  /** Of a session: what each client has got, by its id. */
  readonly authorizations: Readonly<Record<string, HeldAuthorization>>
  /** Of a code or token: the session it began in. */
  readonly sessionUid: string
  /** Of a code or token: it is worth nothing without that session. */
  readonly expiresWithSession: true
  /** Of a code or token: when its login was. */
  readonly authTime: number
  /** Of a refresh token: when the first of its family was made. */
  readonly iiat: number
}

/** What a session holds of its clients, by their ids; nothing for a session of nobody. */
export function authorizationsIn(session: Payload | undefined): Readonly<Record<string, HeldAuthorization>> {
  return (session?.['authorizations'] ?? {}) as Members['authorizations']
}

/** The client that the payload of a grant, code or token names, as it is stored. */
export function clientIdIn(payload: string): string | undefined {
  return (JSON.parse(payload) as Partial<Members>).clientId
}

/** The name of a member, for SQL that writes one; no other name compiles. */
export function memberName(name: keyof Members): string {
  return name
}

/** The payload of a row of `oidc_records`, as SQL of `jsonb`. */
export function payloadSql(row: string): string {
  return `cast(${row}.payload as jsonb)`
}

/** A member of a payload, as SQL of `jsonb`; null where it is missing. */
export function memberSql(payload: string, name: keyof Members): string {
  return `(${payload} -> '${name}')`
}

/** A member of a payload, as SQL of text; null where it is missing. */
export function memberTextSql(payload: string, name: keyof Members): string {
  return `(${payload} ->> '${name}')`
}

/** A number of a payload, as SQL; null where it is missing. */
export function memberNumberSql(payload: string, name: 'iat' | 'loginTs' | 'authTime' | 'iiat'): string {
  return `cast(${memberTextSql(payload, name)} as float8)`
}

/** Whether somebody is signed in to a session, as SQL. */
export function isSignedInSql(payload: string): string {
  return `(${memberSql(payload, 'loginTs')} is not null)`
}

/** Whether a token is worth nothing without the session it began in, as SQL. */
export function isBoundSql(payload: string): string {
  return `(${payload} @> '{"${memberName('expiresWithSession')}": true}')`
}

/** What a session holds of its clients, as SQL of a JSON object by their ids. */
export function authorizationsSql(payload: string): string {
  return `coalesce(${memberSql(payload, 'authorizations')}, '{}')`
}

/** The payload of a session without what it holds of a client, as SQL; `clientId` is SQL of text. */
export function withoutAuthorizationSql(payload: string, clientId: string): string {
  return `(${payload} #- array['${memberName('authorizations')}', ${clientId}])`
}

/** Whether what a session holds of a client was given for offline use, as SQL; `held` is SQL of one member of those. */
export function persistsSql(held: string): string {
  return `coalesce(cast(${memberTextSql(held, 'persistsLogout')} as boolean), false)`
}
