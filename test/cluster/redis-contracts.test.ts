import { afterAll, beforeAll, describe } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { memoryCounters } from '../../src/store/memory-counters.ts'
import { redisStore } from '../../src/store/redis.ts'
import { ephemeralContract } from '../contracts/ephemeral-contract.ts'
import { newAnswers, weighedContract } from '../contracts/weighed-contract.ts'
import { type Certificates, newCertificates } from '../support/certificates.ts'
import { type RedisNodes, redisCluster, redisOverTls, redisSentinels } from '../support/redis-nodes.ts'

let certificates: Certificates
beforeAll(async () => {
  certificates = await newCertificates()
})

const answers = newAnswers()
weighedContract('memory', memoryCounters, answers)

describe.each<readonly [string, () => Promise<RedisNodes>]>([
  ['three masters with replicas', () => redisCluster()],
  ['a master that Sentinels name', () => redisSentinels()],
  ['one Redis over TLS', () => redisOverTls(certificates)],
  ['three masters with replicas over TLS', () => redisCluster(certificates)],
  ['a master that Sentinels name over TLS', () => redisSentinels(certificates)],
])('%s', (name, start) => {
  let running: RedisNodes
  const opened: EphemeralStore[] = []
  beforeAll(async () => {
    running = await start()
  })
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()))
    await running?.close()
  })

  function open(clock: Clock): EphemeralStore {
    const { authority: ca_file, certificate: certificate_file, key: key_file } = certificates
    const tls = running.url.startsWith('rediss') ? { ca_file, certificate_file, key_file } : {}
    const store = redisStore({ url: new Secret(running.url), clock, ...tls })
    opened.push(store)
    return store
  }
  ephemeralContract({ name, setUp: async () => {}, open, tearDown: async () => {} })
  weighedContract(name, open, answers)
})
