import { afterAll } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { memoryCounters } from '../../src/store/memory-counters.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'
import { newAnswers, weighedContract } from './weighed-contract.ts'

const { database, drop } = await createDatabase()
const opened: { close(): Promise<void> }[] = []
const kept = <Store extends { close(): Promise<void> }>(store: Store) => {
  opened.push(store)
  return store
}
afterAll(async () => {
  await Promise.all(opened.map((store) => store.close()))
  await drop()
})

const answers = newAnswers()
const prefix = redisPrefix()
weighedContract('Redis', (clock) => kept(redisStore({ url: new Secret(redisUrl()), clock, prefix })), answers)
weighedContract('tables', (clock) => kept(tableStore({ database, clock })), answers)
weighedContract('memory', memoryCounters, answers)
