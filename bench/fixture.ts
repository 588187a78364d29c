import { createHash, createHmac } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'

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

/** CPU time of a server process, all threads, with its children, and when it was read. */
interface Sample {
  readonly cpuMicros: number
  readonly atMs: number
  readonly residentBytes: number
}

/**
 * CPU time of this process and of its children, which hash; those of the children in steps of 10 ms, and only where there
 * is /proc.
 */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage()
  return user + system + childrenTicks() * 10_000
}

function childrenTicks(): number {
  const list = `/proc/self/task/${process.pid}/children`
  if (!existsSync(list)) return 0
  const pids = readFileSync(list, 'utf8').split(' ').filter(Boolean)
  return pids.reduce((sum, pid) => sum + ticksOf(pid), 0)
}

/** User and system time, the 14th and 15th field; the second one, the name, may hold blanks. */
function ticksOf(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

export function sample(): Sample {
  return { cpuMicros: cpuMicros(), atMs: performance.now(), residentBytes: process.memoryUsage.rss() }
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
  /** Stores so many sessions that ran out long ago. */
  expire(input: { readonly rows: number }): Promise<void>
  /** How many of them are left. */
  expired(): Promise<number>
  beginSweep(): void
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
