import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import type { Counter, EphemeralStore } from '../../src/store/ephemeral.ts'

/** What each store has said to the same, one after the other. */
interface Answers {
  readonly windows: unknown[]
  readonly things: unknown[]
}

/** For stores that are to be compared with each other. */
export function newAnswers(): Answers {
  return { windows: [], things: [] }
}

/** What is counted by weight and by share, whatever holds it; what stores say to the same is gathered in `answers`. */
export function weighedContract(
  place: string,
  open: (clock: Clock) => Pick<EphemeralStore, 'count'>,
  answers: Answers,
): void {
  describe(`counters with weights and shares over ${place}`, () => {
    let now = Date.UTC(2026, 10, 20, 10, 0, 0)
    let store: Pick<EphemeralStore, 'count'>
    beforeAll(() => {
      store = open(() => now)
    })
    let round = 0
    beforeEach(() => {
      round += 1
    })
    const perMinute = (name: string, max: number): Counter => ({ key: `${place} ${round} ${name}`, max, seconds: 60 })
    const used = async (counter: Counter) => (await store.count([{ ...counter, amount: 0 }])).counts[0]?.used

    test('what weighs more fills a counter sooner, and leaves room for what weighs less', async () => {
      now = Date.UTC(2026, 10, 20, 10, 0, 0)
      const money = perMinute('money', 100)
      expect((await store.count([{ ...money, amount: 70 }])).isCounted).toBe(true)
      now += 20_000
      const refused = { isCounted: false, counts: [{ used: 70, waitSeconds: 40 }] }
      expect(await store.count([{ ...money, amount: 50 }])).toEqual(refused)
      expect((await store.count([{ ...money, amount: 30 }])).isCounted).toBe(true)
      await store.count([{ ...money, amount: -30 }])
      expect(await used(money)).toBe(70)
      await store.count([{ ...money, amount: -500 }])
      expect(await used(money)).toBe(0)
    })

    test('a counter is full only while the one beside it has too small a share of it', async () => {
      const entered = perMinute('entered', 1_000_000)
      const sent = { ...perMinute('sent', 1), unless: { key: entered.key, percent: 50 } }
      const send = () => store.count([sent, { ...entered, amount: 0 }])
      expect((await send()).isCounted).toBe(true)
      const refused = {
        isCounted: false,
        counts: [
          { used: 1, waitSeconds: 60 },
          { used: 0, waitSeconds: 0 },
        ],
      }
      expect(await send()).toEqual(refused)
      await store.count([entered])
      expect((await send()).isCounted).toBe(true)
      expect((await send()).isCounted).toBe(true)
      expect((await send()).isCounted).toBe(false)
      await store.count([entered])
      expect((await send()).isCounted).toBe(true)
    })

    test('a thing counts once in a counter of different things, as long as that remembers it', async () => {
      now = Date.UTC(2026, 10, 22, 10, 0, 0)
      const things = perMinute('things', 2)
      const said: unknown[] = []
      const see = async (name: string, amount = 1) => {
        const { key } = perMinute(`thing ${name}`, 0)
        const single = { key, max: 1_000_000_000, seconds: 60, once: key, amount }
        const { isCounted, counts } = await store.count([single, { ...things, once: key, amount }])
        said.push(counts)
        return [isCounted, counts[1]?.used]
      }
      for (const times of [1, 2, 3]) expect(await see('a'), `time ${times}`).toEqual([true, 1])
      now += 10_000
      expect(await see('b')).toEqual([true, 2])
      expect(await see('c')).toEqual([false, 2])
      expect(await see('c', 0)).toEqual([false, 2])
      expect(await see('a')).toEqual([true, 2])
      // Asked for four times and given back three times it is still one.
      for (const _ of [1, 2, 3]) expect(await see('a', -1)).toEqual([true, 2])
      expect(await see('a', -1)).toEqual([true, 1])
      expect(await see('c')).toEqual([true, 2])
      expect(await see('a')).toEqual([false, 2])
      now += 120_000
      expect(await see('d')).toEqual([true, 1])
      now += 50_000
      expect(await see('d')).toEqual([true, 1])
      // It is forgotten a minute after it was first seen, however often it was seen since.
      now += 12_000
      expect(await see('e')).toEqual([true, 1])
      expect(await see('d')).toEqual([true, 2])
      answers.things.push(said)
      expect(said).toEqual(answers.things[0])
    })

    test('of 20 different things that come at once no more are taken than there is room for', async () => {
      const things = perMinute('parallel', 4)
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => {
          const { key } = perMinute(`parallel thing ${n % 10}`, 0)
          return store.count([
            { key, max: 1_000_000_000, seconds: 60, once: key },
            { ...things, once: key },
          ])
        }),
      )
      expect(answers.filter(({ isCounted }) => isCounted)).toHaveLength(8)
      expect(await used(things)).toBe(4)
    })

    test('as much as is new in both is left out of the share, to the millisecond', async () => {
      now = Date.UTC(2026, 10, 22, 10, 0, 0)
      const common = { seconds: 600, newSeconds: 180 }
      const entered = { ...perMinute('entered', 50), ...common }
      const sent = { ...perMinute('sent', 4), ...common, unless: { key: entered.key, percent: 50 } }
      const send = async (amount = 1) => {
        const { isCounted, counts } = await store.count([
          { ...sent, amount },
          { ...entered, amount: 0 },
        ])
        return [isCounted, counts[0]?.used, counts.map(({ recent }) => recent)]
      }
      for (let n = 1; n <= 4; n++) expect(await send()).toEqual([true, n, [n, 0]])
      // Nobody enters anything.
      expect(await send()).toEqual([false, 4, [4, 0]])
      await store.count([{ ...entered, amount: 2 }])
      for (let n = 5; n <= 7; n++) expect(await send()).toEqual([true, n, [n, 2]])
      // Seven less two is five, of which two are not half.
      expect(await send()).toEqual([false, 7, [7, 2]])
      now += 60_000
      await store.count([entered])
      now += 119_999
      expect(await send(0)).toEqual([true, 7, [7, 3]])
      now += 1
      expect(await send(0)).toEqual([false, 7, [0, 1]])
      await store.count([entered])
      expect(await send()).toEqual([true, 8, [1, 2]])
    })

    test('of a large window whole parts are new, and of a counter that does not say what is new nothing', async () => {
      now = Date.UTC(2026, 10, 22, 10, 0, 30)
      const fresh = { ...{ ...perMinute('entered', 100), seconds: 3600 }, newSeconds: 180 }
      const { newSeconds: _, ...stale } = fresh
      await store.count([{ ...fresh, amount: 40 }])
      for (const [entered, isNew] of [
        [fresh, true],
        [stale, false],
      ] as const) {
        const sent = { ...perMinute(`sent ${isNew}`, 100), seconds: 3600, newSeconds: 180 }
        const said = async (amount: number) => {
          const { isCounted, counts } = await store.count([
            { ...sent, unless: { key: entered.key, percent: 50 }, amount },
            { ...entered, amount: 0 },
          ])
          return [isCounted, counts.map(({ recent }) => recent)]
        }
        expect(await said(100)).toEqual([true, [100, isNew ? 40 : undefined]])
        expect(await said(0)).toEqual([isNew, [100, isNew ? 40 : undefined]])
        now += 210_000
        expect(await said(0)).toEqual([false, [0, isNew ? 0 : undefined]])
        now -= 210_000
      }
    })

    test('windows roll, small ones to the event and large ones in parts, and what was refused is not counted', async () => {
      now = Date.UTC(2026, 10, 21, 10, 0, 0)
      const said: unknown[] = []
      for (const counter of [perMinute('small', 2), { ...perMinute('large', 100), seconds: 600 }]) {
        for (let n = 0; n < 150; n++) {
          said.push(await store.count([counter]))
          now += n % 7 === 0 ? 11_000 : 700
        }
        said.push(await store.count([{ ...counter, amount: -1 }]), await store.count([{ ...counter, amount: 0 }]))
      }
      answers.windows.push(said)
      expect(said).toEqual(answers.windows[0])
    })

    test('of 20 who come at once none goes past what was left of the money', async () => {
      const money = perMinute('money', 100)
      const answers = await Promise.all(Array.from({ length: 20 }, () => store.count([{ ...money, amount: 30 }])))
      expect(answers.filter(({ isCounted }) => isCounted)).toHaveLength(3)
      expect(await used(money)).toBe(90)
    })
  })
}
