import { expect, test } from 'vitest'
import { oneAtATime } from '../../src/base/one-at-a-time.ts'

test('work that is slow is not begun again beside itself, and is begun again after it ended or failed', async () => {
  const ends: PromiseWithResolvers<void>[] = []
  const work = oneAtATime(() => {
    const end = Promise.withResolvers<void>()
    ends.push(end)
    return end.promise
  })
  const both = [work(), work()]
  expect(ends).toHaveLength(1)
  ends[0]?.resolve()
  await Promise.all(both)
  const failing = work()
  expect(ends).toHaveLength(2)
  ends[1]?.reject(new Error('no'))
  await expect(failing).rejects.toThrow('no')
  void work()
  expect(ends).toHaveLength(3)
})
