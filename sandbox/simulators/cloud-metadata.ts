import { randomBytes } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { type Answer, type ReceivedRequest, type Simulator, startSimulator } from './simulator.ts'

/** A temporary key as the products know it. */
export interface IssuedKey {
  readonly secret: string
  readonly token: string
  /** In milliseconds since the epoch. */
  readonly expiresAt: number
}

interface MetadataOptions {
  readonly clock: Clock
  /** Name of the role that is bound to the machine; none is bound without it. */
  readonly role?: string
  /** Aliyun: `optional` answers with and without a session token, `required` only with one, `old` has none. */
  readonly sessionTokens?: 'optional' | 'required' | 'old'
  readonly lifeSeconds?: number
  /** The same keys are told until this many seconds before they expire. */
  readonly renewedSecondsBefore?: number
  readonly port?: number
}

/** The simulator, and what the products ask it about keys. */
export interface CloudMetadata extends Simulator {
  /** What a key is good for; `undefined` for a key it never issued. */
  readonly issued: (id: string) => IssuedKey | undefined
  /** Ends every key before its time, as taking the role off a machine does. */
  revokeAll(): void
}

const aliyunRoles = '/latest/meta-data/ram/security-credentials/'
const tencentRoles = '/latest/meta-data/cam/security-credentials/'

/**
 * Plays the metadata services of Aliyun ECS (100.100.100.200; the session token of IMDSv2 is asked for by PUT) and of
 * Tencent CVM (metadata.tencentyun.com; cloud.tencent.com/document/product/598/85616) on one address.
 */
export async function startCloudMetadata(options: MetadataOptions): Promise<CloudMetadata> {
  const { clock, role, port, lifeSeconds = 6 * 3600, renewedSecondsBefore = 1800 } = options
  const { sessionTokens = 'optional' } = options
  const keys = new Map<string, IssuedKey>()
  const sessions = new Map<string, number>()
  const told = new Map<'STS.' | 'AKID', string>()

  const newest = (kind: 'STS.' | 'AKID'): readonly [string, IssuedKey] => {
    const id = told.get(kind)
    const key = id === undefined ? undefined : keys.get(id)
    if (id !== undefined && key !== undefined && key.expiresAt - renewedSecondsBefore * 1000 > clock()) return [id, key]
    const made = { secret: random(), token: random(), expiresAt: clock() + lifeSeconds * 1000 }
    const name = kind + random()
    keys.set(name, made)
    told.set(kind, name)
    return [name, made]
  }

  const refused = (request: ReceivedRequest): boolean => {
    if (!request.path.startsWith(aliyunRoles) || sessionTokens === 'old') return false
    const token = request.headers['x-aliyun-ecs-metadata-token']
    if (token === undefined) return sessionTokens === 'required'
    return !((sessions.get(String(token)) ?? 0) > clock())
  }

  const simulator = await startSimulator({
    clock,
    port,
    handle(request) {
      if (request.path === '/latest/api/token') {
        const seconds = Number(request.headers['x-aliyun-ecs-metadata-token-ttl-seconds'])
        if (sessionTokens === 'old') return missing
        if (request.method !== 'PUT') return plain(405, 'Method Not Allowed')
        if (!(seconds >= 1 && seconds <= 21_600)) return plain(400, 'Bad Request')
        const token = random()
        sessions.set(token, clock() + seconds * 1000)
        return plain(200, token)
      }
      if (request.method !== 'GET') return plain(405, 'Method Not Allowed')
      if (refused(request)) return plain(403, 'Forbidden')
      for (const [roles, kind] of [
        [aliyunRoles, 'STS.'],
        [tencentRoles, 'AKID'],
      ] as const) {
        if (!request.path.startsWith(roles) || role === undefined) continue
        const asked = request.path.slice(roles.length)
        if (asked === '') return plain(200, role)
        if (asked === role) return { status: 200, body: kind === 'STS.' ? aliyun(newest(kind)) : tencent(newest(kind)) }
      }
      return missing
    },
  })
  return Object.assign(simulator, { issued: (id: string) => keys.get(id), revokeAll: () => keys.clear() })
}

const missing = plain(404, 'Not Found')

function plain(status: number, body: string): Answer {
  return { status, body, headers: { 'content-type': 'text/plain' } }
}

function aliyun([AccessKeyId, { secret, token, expiresAt }]: readonly [string, IssuedKey]) {
  const [Expiration, LastUpdated] = [expiresAt, expiresAt - 6 * 3_600_000].map(
    (at) => `${new Date(at).toISOString().slice(0, 19)}Z`,
  )
  return { AccessKeyId, AccessKeySecret: secret, SecurityToken: token, Expiration, LastUpdated, Code: 'Success' }
}

function tencent([TmpSecretId, { secret, token, expiresAt }]: readonly [string, IssuedKey]) {
  const Expiration = `${new Date(expiresAt).toISOString().slice(0, 19)}Z`
  const ExpiredTime = Math.floor(expiresAt / 1000)
  return { TmpSecretId, TmpSecretKey: secret, ExpiredTime, Expiration, Token: token, Code: 'Success' }
}

function random(): string {
  return randomBytes(12).toString('hex')
}
