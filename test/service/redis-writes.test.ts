import { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { redisStore } from '../../src/store/redis.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

/** Counts from now on what is handed to the kernel for one port. */
function writesTo(port: number): { count: number } {
  const writes = { count: 0 }
  for (const name of ['_write', '_writev'] as const) {
    const original = Socket.prototype[name] as (this: Socket, ...args: unknown[]) => void
    const counted = function (this: Socket, ...args: unknown[]): void {
      if (this.remotePort === port) writes.count += 1
      original.apply(this, args)
    }
    Object.assign(Socket.prototype, { [name]: counted })
    onTestFinished(() => void Object.assign(Socket.prototype, { [name]: original }))
  }
  return writes
}

test('what is asked of Redis in one turn of the event loop leaves in one write', async () => {
  const url = redisUrl()
  const store = redisStore({ url: new Secret(url), clock: () => Date.now(), prefix: redisPrefix() })
  onTestFinished(() => store.close())
  const ask = () =>
    Promise.all([store.increment('tries', 60), store.get('one'), store.set('two', 2, 60), store.delete('three')])
  // The first time it connects, and makes the script known.
  await ask()
  const writes = writesTo(Number(new URL(url).port))
  expect((await ask())[0]).toBe(2)
  expect(writes.count).toBe(1)
})
