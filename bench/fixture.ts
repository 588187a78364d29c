import { createHash, createHmac } from 'node:crypto'

/** What both servers are set up with, so that one request means the same to either. */
export const issuer = 'https://id.bench.example'
export const api = 'https://api.bench.example'
export const redirectUri = 'https://app.bench.example/callback'
/** A client that logs in on screens of its own; only ours knows it. */
export const nativeClientId = 'native'
export const clientSecret = 'b'.repeat(43)
export const password = 'correct-horse-battery-staple'
export const codeVerifier = 'v'.repeat(43)
export const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')

export type ClientId = 'offline' | 'offline-jwt' | 'browser' | 'machine' | 'machine-jwt'

interface BenchClient {
  readonly grantTypes: readonly string[]
  readonly scope: string
  /** Access tokens are JWTs for `api`; otherwise opaque. */
  readonly jwt: boolean
}

/** `offline` keeps its tokens past the browser session; those of `browser` end with it, so each use of them asks for the session. */
export const clients: Readonly<Record<ClientId, BenchClient>> = {
  offline: {
    grantTypes: ['authorization_code', 'refresh_token'],
    scope: 'openid profile email offline_access',
    jwt: false,
  },
  'offline-jwt': {
    grantTypes: ['authorization_code', 'refresh_token'],
    scope: 'openid profile email offline_access read',
    jwt: true,
  },
  browser: { grantTypes: ['authorization_code'], scope: 'openid profile email', jwt: false },
  machine: { grantTypes: ['client_credentials'], scope: '', jwt: false },
  'machine-jwt': { grantTypes: ['client_credentials'], scope: 'read', jwt: true },
}

/** What one connection of the load generator works with. */
export interface Seat {
  readonly clientId: ClientId
  /** The cookie header of a signed-in browser; empty for one that is not. */
  readonly cookie: string
  readonly identifier: string
}

/** Somebody with an account, known by a phone number and at GitHub. */
export interface Guest {
  readonly phone: string
  readonly githubId: number
}

/** CPU time of a server process, all threads, and when it was read. */
interface Sample {
  readonly cpuMicros: number
  readonly atMs: number
  readonly residentBytes: number
}

export function sample(): Sample {
  const { user, system } = process.cpuUsage()
  return { cpuMicros: user + system, atMs: performance.now(), residentBytes: process.memoryUsage.rss() }
}

/** The cookie header of a session, signed the way koa signs. */
export function sessionCookie(name: string, id: string, key: string): string {
  const pair = `${name}=${id}`
  const signature = createHmac('sha1', key).update(pair).digest('base64url')
  return `${pair}; ${name}.sig=${signature}`
}

/** What both servers answer to besides HTTP. */
export type ServerCalls = {
  open(input: ServerInput): Promise<{ port: number }>
  /** Signed-in sessions with a grant for this client, a fresh one for each seat. */
  seed(input: { readonly clientId: ClientId; readonly count: number }): Promise<Seat[]>
  /** Accounts of guests who log in with a code or through an upstream. */
  welcome(input: { readonly guests: readonly Guest[] }): Promise<void>
  sample(): Sample
  startProfile(): Promise<void>
  stopProfile(path: string): Promise<void>
  /** Counts what is asked of the stores from now on. */
  startCounting(): void
  counted(): Readonly<Record<string, number>>
}

export interface ServerInput {
  readonly databaseUrl?: string | undefined
  readonly redisUrl?: string | undefined
  readonly folder: string
  readonly users: number
  readonly argon2: { readonly memory_kib: number; readonly time_cost: number; readonly parallelism: number }
  /** Further settings of ours. */
  readonly env?: Readonly<Record<string, string>>
}
