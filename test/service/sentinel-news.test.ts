import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { followSentinels } from '../../src/store/sentinel-news.ts'
import { eventually } from '../support/patience.ts'
import { ownRedis, redisUrl } from '../support/redis.ts'

const channel = '+switch-master'

test('a connection is left when a Sentinel names another master, for its own master alone, and after that Sentinel was away', async () => {
  // It says what a Sentinel says, where a Sentinel says it.
  const sentinel = await ownRedis()
  onTestFinished(sentinel.remove)
  const redis = new Redis(redisUrl(), { lazyConnect: true })
  const told = new Redis(sentinel.url, { lazyConnect: true, retryStrategy: () => 50 })
  onTestFinished(() => redis.disconnect())
  const errors: string[] = []
  redis.on('error', (error: Error) => errors.push(error.message))
  followSentinels(redis, { master: 'ours', sentinels: [told] })
  await redis.connect()
  const tell = (master: string) =>
    eventually(async () => {
      const speaker = new Redis(sentinel.url)
      onTestFinished(() => speaker.disconnect())
      expect(await speaker.publish(channel, `${master} 10.0.0.1 6379 10.0.0.2 6379`)).toBe(1)
    })
  const first = await redis.client('ID')

  await tell('theirs')
  await tell('ours-too')
  expect(await redis.client('ID')).toBe(first)
  await tell('ours')
  await expect.poll(() => redis.client('ID')).not.toBe(first)
  expect(errors).toEqual(['Sentinel names another master'])

  await sentinel.kill()
  await sentinel.start()
  const second = await redis.client('ID')
  await tell('ours')
  await expect.poll(() => redis.client('ID')).not.toBe(second)
  redis.disconnect()
  await expect.poll(() => told.status).toBe('end')
})
