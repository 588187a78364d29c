import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { secret } from '../base/secret.ts'
import { redisAddressOf, redisAddressProblem } from '../store/redis-address.ts'
import { secretAddress } from './process-options.ts'
import type { Problem } from './sources.ts'

const path = z.string().min(1).optional()

/** Settings of Redis. */
export const redisOptions = z.strictObject({
  url: secretAddress(redisAddressProblem)
    .optional()
    .describe(
      'Redis, `redis://host:6379`; nodes of a cluster with commas between them; or Sentinels and what they call the ' +
        'master, `redis+sentinel://host1:26379,host2:26379,host3:26379/name`. `rediss` instead of `redis`: over TLS. ' +
        'Absent: the database does its work.',
    ),
  ca_file: path.describe(
    'PEM file with the authority that signed the certificates of Redis and its Sentinels, in the place of the public ' +
      'ones.',
  ),
  certificate_file: path.describe('PEM file with the certificate for a Redis that asks for one.'),
  key_file: path.describe('PEM file with the private key of that certificate.'),
  sentinel_username: z.string().min(1).optional().describe('User at the Sentinels; that of Redis stands in `url`.'),
  sentinel_password: secret().optional().describe('Password of the Sentinels; that of Redis stands in `url`.'),
})

type RedisSettings = z.output<typeof redisOptions>

const tlsSettings = ['ca_file', 'certificate_file', 'key_file'] as const
const sentinelSettings = ['sentinel_username', 'sentinel_password'] as const

/** Settings of Redis that name a file. */
export type RedisFile = (typeof tlsSettings)[number]

/** Settings of Redis that are each valid but do not go together. */
export function redisProblems(redis: RedisSettings): Problem[] {
  const address = redis.url && redisAddressOf(redis.url.reveal())
  const ofSentinels = sentinelSettings.filter((name) => redis[name] !== undefined && address?.kind !== 'sentinel')
  const ofTls = tlsSettings.filter((name) => redis[name] !== undefined && !address?.isTls)
  const halves = [
    ['certificate_file', 'key_file'],
    ['key_file', 'certificate_file'],
  ] as const
  const lone = halves.filter(([one, other]) => redis[one] !== undefined && redis[other] === undefined)
  return [
    ...ofSentinels.map((name) => [name, 'is for Sentinels, and redis.url names none'] as const),
    ...ofTls.map((name) => [name, 'is for TLS, and redis.url does not begin with rediss'] as const),
    ...lone.map(([name, other]) => [name, `needs redis.${other} beside it`] as const),
  ].map(([name, message]) => ({ path: `redis.${name}`, message }))
}

/** The settings of Redis with its files where they really are. */
export function withRedisFiles(redis: RedisSettings, placed: (name: RedisFile, path: string) => string): RedisSettings {
  const files = tlsSettings.flatMap((name) => {
    const given = redis[name]
    return given === undefined ? [] : [[name, placed(name, given)] as const]
  })
  return { ...redis, ...Object.fromEntries(files) }
}

/** What is wrong with the files that are named. */
export function redisFileFaults(redis: RedisSettings): readonly (readonly [RedisFile, string])[] {
  return tlsSettings.flatMap((name) => {
    const file = redis[name]
    const fault = file === undefined ? undefined : fileFault(name, file)
    return fault === undefined ? [] : [[name, fault] as const]
  })
}

function fileFault(name: RedisFile, file: string): string | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return `the file cannot be read: ${(error as Error).message}`
  }
  try {
    if (name === 'key_file') createPrivateKey(text)
    else new X509Certificate(text)
    return undefined
  } catch {
    return name === 'key_file' ? 'expected a private key as PEM, without a password' : 'expected a certificate as PEM'
  }
}
