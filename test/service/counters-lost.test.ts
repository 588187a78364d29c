import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { countersWatch } from '../../src/ops/counters-watch.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

let now = Date.UTC(2026, 10, 20, 2, 0, 0)
const clock = () => now
const { database, drop } = await createDatabase()
const prefix = redisPrefix()
const client = new Redis(redisUrl())
const redis = redisStore({ url: new Secret(redisUrl()), clock, prefix })
afterAll(async () => {
  client.disconnect()
  await redis.close()
  await drop()
})

async function flush(): Promise<void> {
  await client.del(await client.keys(`${prefix}*`))
}
/** What a crash of PostgreSQL leaves of a table that is not logged. */
async function crash(): Promise<void> {
  await database.knex.raw('truncate ephemeral')
}

describe.each([
  ['Redis', redis, flush],
  ['tables', tableStore({ database, clock }), crash],
] as const)('that counters were lost by %s', (_, store, empty) => {
  const server = () => {
    const seen = { losses: 0 }
    const look = countersWatch({
      ...{ store, clock },
      onLost: () => {
        seen.losses += 1
      },
    })
    return { seen, look }
  }

  test('is noticed once by every process that was there before, and by none that begins later', async () => {
    const [one, other] = [server(), server()]
    const all = async (...servers: readonly ReturnType<typeof server>[]) => {
      await Promise.all(servers.map(({ look }) => look()))
      return servers.map(({ seen }) => seen.losses)
    }
    expect(await all(one, other)).toEqual([0, 0])
    expect(await all(one, other)).toEqual([0, 0])
    await empty()
    const later = server()
    expect(await all(later)).toEqual([0])
    expect(await all(one, other, later)).toEqual([1, 1, 0])
    expect(await all(one, other, later)).toEqual([1, 1, 0])
    await empty()
    expect(await all(one, other, later)).toEqual([2, 2, 1])
  })

  test('is not believed of a mark that only grows old', async () => {
    await empty()
    const { seen, look } = server()
    for (let day = 0; day < 20; day++) {
      await look()
      now += 86_400_000
    }
    expect(seen.losses).toBe(0)
  })

  test('is not believed of a mark that ended while the process slept', async () => {
    await empty()
    const { seen, look } = server()
    await look()
    now += 40 * 86_400_000
    await look()
    expect(seen.losses).toBe(0)
    await empty()
    await look()
    expect(seen.losses).toBe(1)
  })
})
