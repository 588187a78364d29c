import { expect, test } from 'vitest'
import { onceMore, oneAtATime } from '../../src/base/one-at-a-time.ts'

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

test('work that is asked for while it is under way is done once more for all who asked, and never beside itself', async () => {
  const ends: PromiseWithResolvers<void>[] = []
  let [atOnce, most] = [0, 0]
  const work = onceMore(async () => {
    const end = Promise.withResolvers<void>()
    ends.push(end)
    atOnce += 1
    most = Math.max(most, atOnce)
    await end.promise.finally(() => {
      atOnce -= 1
    })
  })
  const first = work()
  const later = [work(), work()]
  expect(ends).toHaveLength(1)
  ends[0]?.reject(new Error('no'))
  await expect(first).rejects.toThrow('no')
  void work()
  await expect.poll(() => ends.length).toBe(2)
  const last = work()
  ends[1]?.resolve()
  await Promise.all(later)
  await expect.poll(() => ends.length).toBe(3)
  ends[2]?.resolve()
  await last
  expect([ends.length, most]).toEqual([3, 1])
})
