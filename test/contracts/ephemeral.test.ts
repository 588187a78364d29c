import { Redis } from 'ioredis'
import { Secret } from '../../src/base/secret.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { type OwnRedis, ownRedis, redisPrefix, redisUrl } from '../support/redis.ts'
import { ephemeralContract, type Place } from './ephemeral-contract.ts'

for (const place of [redisPlace(), clusterPlace(), tablesPlace()]) ephemeralContract(place)

function redisPlace(): Place {
  const prefix = redisPrefix()
  return {
    name: 'Redis',
    setUp: async () => {},
    open: (clock) => redisStore({ url: new Secret(redisUrl()), clock, prefix }),
    async tearDown() {
      const redis = new Redis(redisUrl())
      const keys = await redis.keys(`${prefix}*`)
      if (keys.length > 0) await redis.del(...keys)
      redis.disconnect()
    },
  }
}

function clusterPlace(): Place {
  let cluster: OwnRedis
  return {
    name: 'a Redis cluster',
    async setUp() {
      cluster = await ownRedis({ cluster: true })
    },
    open: (clock) => redisStore({ url: new Secret(cluster.url), clock }),
    tearDown: () => cluster.remove(),
  }
}

function tablesPlace(): Place {
  let own: TestDatabase
  return {
    name: 'PostgreSQL tables',
    async setUp() {
      own = await createDatabase()
    },
    open: (clock) => tableStore({ database: own.database, clock }),
    tearDown: () => own.drop(),
  }
}
