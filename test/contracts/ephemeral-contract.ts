import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import type { Counter, EphemeralStore } from '../../src/store/ephemeral.ts'

/** Where a store lies for its tests. */
export interface Place {
  readonly name: string
  setUp(): Promise<void>
  open(clock: Clock): EphemeralStore
  tearDown(): Promise<void>
}

const racing = Array.from({ length: 20 }, (_, index) => index)

/** What every store of short-lived values keeps, whatever holds them. */
export function ephemeralContract(place: Place): void {
  describe(`the ephemeral store in ${place.name}`, () => {
    let now: number
    let store: EphemeralStore
    let other: EphemeralStore
    const walk = (seconds: number) => {
      now += seconds * 1000
    }
    beforeAll(place.setUp)
    afterAll(place.tearDown)
    beforeEach(() => {
      now = Date.parse('2026-11-20T10:00:00Z')
      store = place.open(() => now)
      other = place.open(() => now)
    })
    afterEach(() => Promise.all([store.close(), other.close()]))

    test('a value is kept as it was until its lifetime ends', async () => {
      const value = { text: '门神 🚪 "quoted" \\', list: [1, null, true], deep: { empty: {} } }
      await store.set('kept', value, 60)
      walk(59.9)
      expect(await other.get('kept')).toEqual(value)
      walk(0.1)
      expect(await other.get('kept')).toBeUndefined()
    })

    test('a later value replaces the earlier one and its lifetime', async () => {
      await store.set('replaced', 'first', 10)
      await store.set('replaced', 'second', 100)
      walk(50)
      expect(await store.get('replaced')).toBe('second')
    })

    test('what was never set, deleted or taken is absent', async () => {
      expect(await store.get('never')).toBeUndefined()
      expect(await store.take('never')).toBeUndefined()
      await store.set('deleted', 1, 60)
      await store.delete('deleted')
      await store.delete('deleted')
      expect(await store.get('deleted')).toBeUndefined()
      await store.set('taken', 1, 60)
      expect(await store.take('taken')).toBe(1)
      expect(await store.get('taken')).toBeUndefined()
    })

    test('several values are deleted at once, with keys that are not there, and no others', async () => {
      const keys = ['several:a', 'several:b', 'several:c', 'several:d']
      await Promise.all(keys.map((key) => store.set(key, 1, 60)))
      await Promise.all([
        store.delete('several:c', 'several:absent', 'several:a'),
        other.delete('several:a', 'several:b', 'several:c'),
      ])
      expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual([undefined, undefined, undefined, 1])
    })

    test('a text is released by whoever knows it, and no other text is', async () => {
      await store.set('held', 'mine "%d"', 60)
      await other.release('held', 'yours')
      expect(await store.get('held')).toBe('mine "%d"')
      await other.release('held', 'mine "%d"')
      await other.release('held', 'mine "%d"')
      expect(await store.get('held')).toBeUndefined()
      expect(await store.add('held', 'yours', 60)).toBe(true)
      await store.release('held', 'mine "%d"')
      expect(await store.get('held')).toBe('yours')
    })

    test('an expired value cannot be taken', async () => {
      await store.set('late', 1, 60)
      walk(60)
      expect(await store.take('late')).toBeUndefined()
    })

    test('of 20 that add at once one is first, and its value stays', async () => {
      const won = await Promise.all(racing.map((index) => (index % 2 ? store : other).add('raced', index, 60)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await store.get('raced')).toBe(won.indexOf(true))
    })

    test('after its lifetime a key can be added again, before that it cannot', async () => {
      expect(await store.add('again', 'first', 300)).toBe(true)
      walk(299)
      expect(await store.add('again', 'second', 300)).toBe(false)
      expect(await store.get('again')).toBe('first')
      walk(1)
      expect(await store.add('again', 'third', 300)).toBe(true)
      expect(await store.get('again')).toBe('third')
    })

    test('of 20 that take at once one gets the value', async () => {
      await store.set('prize', 'value', 60)
      const got = await Promise.all(racing.map((index) => (index % 2 ? store : other).take('prize')))
      expect(got.filter((value) => value === 'value')).toHaveLength(1)
    })

    test('counting starts a window with the first call and begins again when it is over', async () => {
      expect(await store.increment('counted', 60)).toBe(1)
      walk(59)
      expect(await store.increment('counted', 60)).toBe(2)
      expect(await store.get('counted')).toBe(2)
      walk(1)
      expect(await store.increment('counted', 60)).toBe(1)
      walk(59)
      expect(await store.increment('counted', 60)).toBe(2)
    })

    test('20 that count at once get 20 different counts', async () => {
      const counts = await Promise.all(racing.map((index) => (index % 2 ? store : other).increment('busy', 60)))
      expect(counts.toSorted((a, b) => a - b)).toEqual(racing.map((index) => index + 1))
    })

    const perMinute = (key: string, max: number) => ({ key, max, seconds: 60 })
    const wait = async (...counters: Counter[]) =>
      (await store.count(counters.map((each) => ({ ...each, amount: 0 as const })))).counts.map(
        (each) => each.waitSeconds,
      )
    const used = async (...counters: Counter[]) =>
      (await store.count(counters.map((each) => ({ ...each, amount: 0 as const })))).counts.map((each) => each.used)

    test('a counter rolls: it answers what is used, and the wait until the oldest event leaves', async () => {
      const counter = perMinute('rolls', 2)
      expect(await store.count([counter])).toEqual({ isCounted: true, counts: [{ used: 1, waitSeconds: 0 }] })
      walk(40)
      expect(await other.count([counter])).toEqual({ isCounted: true, counts: [{ used: 2, waitSeconds: 20 }] })
      walk(10.5)
      const refused = { isCounted: false, counts: [{ used: 2, waitSeconds: 10 }] }
      for (const _ of racing) expect(await store.count([counter])).toEqual(refused)
      walk(9.4)
      expect((await store.count([counter])).isCounted).toBe(false)
      walk(0.1)
      expect(await store.count([counter])).toEqual({ isCounted: true, counts: [{ used: 2, waitSeconds: 40 }] })
    })

    test('of several counters all count or none, and each says how long it has none to spare', async () => {
      const [wide, narrow, later] = [
        perMinute('wide', 3),
        perMinute('narrow', 1),
        { key: 'later', max: 1, seconds: 600 },
      ]
      await store.count([narrow])
      walk(10)
      await store.count([later])
      expect(await store.count([wide, narrow, later])).toEqual({
        isCounted: false,
        counts: [
          { used: 0, waitSeconds: 0 },
          { used: 1, waitSeconds: 50 },
          { used: 1, waitSeconds: 600 },
        ],
      })
      walk(50)
      expect((await store.count([wide, narrow, later])).isCounted).toBe(false)
      expect(await used(wide, narrow, later)).toEqual([0, 0, 1])
      walk(550)
      expect((await store.count([wide, narrow, later])).isCounted).toBe(true)
    })

    test('looking counts nothing, and refuses like counting', async () => {
      const counter = perMinute('looked', 1)
      for (const _ of racing) expect((await store.count([{ ...counter, amount: 0 }])).isCounted).toBe(true)
      await store.count([counter])
      const other = perMinute('beside', 1)
      expect((await store.count([{ ...counter, amount: 0 }, other])).isCounted).toBe(false)
      expect(await used(other)).toEqual([0])
    })

    test('what is given back is there again, the newest first, and never more than was taken', async () => {
      const counter = perMinute('returned', 2)
      await store.count([counter])
      walk(30)
      await store.count([counter])
      await store.count([{ ...counter, amount: -1 }])
      expect(await used(counter)).toEqual([1])
      walk(30)
      expect(await used(counter)).toEqual([0])
      await store.count([counter])
      for (const _ of [1, 2, 3]) await store.count([{ ...counter, amount: -1 }])
      expect(await used(counter)).toEqual([0])
      expect((await store.count([counter])).isCounted).toBe(true)
    })

    test('what was taken at several times is all given back', async () => {
      for (const counter of [perMinute('returned twice', 3), { key: 'returned large', max: 100, seconds: 600 }]) {
        for (const seconds of [1, 20, 0]) {
          await store.count([counter])
          walk(seconds)
        }
        for (const left of [2, 1, 0]) {
          await store.count([{ ...counter, amount: -1 }])
          expect(await used(counter)).toEqual([left])
        }
      }
    })

    test('a large window never admits more than its maximum in any stretch of its length, and names the real wait', async () => {
      const counter = { key: 'large', max: 100, seconds: 600 }
      const admitted: number[] = []
      for (let turn = 0; turn < 900; turn++) {
        if ((await store.count([counter])).isCounted) admitted.push(now)
        walk(3)
      }
      const within = (from: number) => admitted.filter((at) => at >= from && at < from + 600_000).length
      expect(Math.max(...admitted.map(within))).toBe(100)
      expect(admitted.length).toBeGreaterThan(400)
      while ((await store.count([counter])).isCounted);
      const [seconds = 0] = await wait(counter)
      walk(seconds - 1)
      expect((await store.count([counter])).isCounted).toBe(false)
      walk(1)
      expect((await store.count([counter])).isCounted).toBe(true)
    })

    test('of 20 events at once a counter of 5 admits exactly 5', async () => {
      const counters = [perMinute('stormed', 5), { key: 'stormed for an hour', max: 50, seconds: 3600 }]
      const answers = await Promise.all(racing.map((index) => (index % 2 ? store : other).count(counters)))
      expect(answers.filter(({ isCounted }) => isCounted)).toHaveLength(5)
      expect(await used(...counters)).toEqual([5, 5])
    })

    test('a counter of no events is always full', async () => {
      expect(await store.count([perMinute('shut', 0)])).toEqual({
        isCounted: false,
        counts: [{ used: 0, waitSeconds: 60 }],
      })
    })

    test('50 decisions at once over overlapping counters, in every order: no budget is passed, none half counted', async () => {
      const [red, green, blue] = [perMinute('red', 7), perMinute('green', 11), perMinute('blue', 100)]
      const orders = [
        [red, blue],
        [blue, green],
        [green, red, blue],
        [blue, red, green],
        [green, blue, red],
      ]
      const decisions = Array.from({ length: 50 }, (_, index) => orders[index % 5] as Counter[])
      const answers = await Promise.all(decisions.map((each, index) => (index % 2 ? store : other).count(each)))
      const counted = (counter: Counter) =>
        decisions.filter((each, index) => answers[index]?.isCounted && each.includes(counter)).length
      const expected = [red, green, blue].map(counted)
      expect(await used(red, green, blue)).toEqual(expected)
      expect(expected[0]).toBeLessThanOrEqual(7)
      expect(expected[1]).toBeLessThanOrEqual(11)
      // Nobody was refused for want of anything but room.
      expect(expected[0] === 7 || expected[1] === 11).toBe(true)
    })

    test('it answers a ping', async () => {
      await store.ping()
    })
  })
}
