import { describe, expect, test } from 'vitest'
import { kinds, planAttack } from '../../siege/attack.ts'
import { drawLots } from '../../siege/lots.ts'
import { parseOptions } from '../../siege/options.ts'
import { buildTown } from '../../siege/town.ts'
import { capsOf, placeOf, prices } from '../../siege/vendor.ts'
import { fared } from '../../siege/verdicts.ts'
import { WalkedTime } from '../../siege/walked-time.ts'

function planned(seed: number, scale: number) {
  const [lots, taken] = [drawLots(seed), new Set<string>()]
  const town = buildTown(lots, scale, taken)
  return { town, blows: planAttack({ lots, town, scale, taken, solvers: 0 }) }
}

describe('the town and the attack on it', () => {
  test('a whole siege has the numbers, addresses and networks that were asked for', () => {
    const { town, blows } = planned(1, 1)
    const numbers = new Set([
      ...town.people.map(({ phone }) => phone),
      ...blows.filter(asksForCode).map(({ to }) => to),
    ])
    const addresses = new Set([...town.people.map(({ ip }) => ip), ...town.attackedFrom])
    const networks = new Set([...addresses].map((ip) => ip.split(/[.:]/).slice(0, 3).join('-')))
    expect(town.people).toHaveLength(500)
    expect(numbers.size).toBeGreaterThan(9800)
    expect(addresses.size).toBeGreaterThan(1950)
    expect(networks.size).toBeGreaterThan(290)
    expect(networks.size).toBeLessThanOrEqual(300)
    expect(town.people.filter(({ isKnown }) => isKnown)).toHaveLength(250)
    expect(new Set(blows.map(({ kind }) => kind))).toEqual(new Set(kinds))
  })

  test('the same seed draws the same, another seed something else', () => {
    expect(planned(3, 0.01)).toEqual(planned(3, 0.01))
    expect(planned(3, 0.01)).not.toEqual(planned(4, 0.01))
  })

  test('attackers stand behind the same carriers as people', () => {
    const { town, blows } = planned(1, 0.2)
    const shared = new Set(town.people.filter(({ isBehindCarrier }) => isBehindCarrier).map(({ ip }) => ip))
    expect(blows.some(({ ip }) => shared.has(ip))).toBe(true)
  })
})

test('time waits for everybody who acts, and each goes on when their time has come', async () => {
  const told: number[] = []
  const seen: string[] = []
  const time = new WalkedTime({
    startMs: 0,
    speed: Number.POSITIVE_INFINITY,
    tell: async (nowMs) => {
      told.push(nowMs)
    },
  })
  const act = (name: string, ms: number) => async () => {
    seen.push(`${name} at ${time.now()}`)
    await time.sleep(ms)
    seen.push(`${name} at ${time.now()}`)
  }
  time.begin(1000, act('one', 3000))
  time.begin(2000, act('two', 500))
  await time.walk(5000)
  expect(seen).toEqual(['one at 1000', 'two at 2000', 'two at 2500', 'one at 4000'])
  expect(told).toEqual([1000, 2000, 2500, 4000, 5000])
})

test('what somebody who acts has thrown ends the walk', async () => {
  const time = new WalkedTime({ startMs: 0, speed: Number.POSITIVE_INFINITY, tell: async () => {} })
  time.begin(1000, async () => {
    throw new Error('the server is gone')
  })
  await expect(time.walk(3000)).rejects.toThrow('the server is gone')
})

test('people who did not get in are no part of the time it took', () => {
  const { town } = planned(1, 0.02)
  const visits = town.people.map((person, index) => {
    const common = {
      challenges: 0,
      lastRefusal: undefined,
      byPassword: false,
      refreshToken: undefined,
      device: {},
    }
    return { person, isIn: index % 2 === 0, seconds: index % 2 === 0 ? 20 : 600, ...common }
  })
  expect(fared(visits)).toEqual({ people: 10, share: 0.5, p50Seconds: 20, p95Seconds: 20 })
})

test('the site may spend more than its people need, and less than the attack would have it spend', () => {
  const { town, blows } = planned(1, 1)
  const cost = (place: string, numbers: readonly string[]) =>
    numbers.filter((to) => placeOf(to) === place).reduce((sum, to) => sum + prices[placeOf(to)], 0)
  const attack = blows.filter(asksForCode).map(({ to }) => to)
  const people = town.people.map(({ phone }) => phone)
  expect(capsOf(1).mainland).toBeGreaterThan(cost('mainland', people))
  expect(capsOf(1).mainland).toBeLessThan(cost('mainland', attack))
  expect(capsOf(1).abroad).toBeLessThan(cost('abroad', attack))
})

test('an unknown store and a scale above the whole are refused with what there is', () => {
  expect(parseOptions([])).toMatchObject({ store: 'redis', scale: 1, against: undefined })
  expect(() => parseOptions(['--store', 'mongo'])).toThrow(/mongo; there are redis, postgres, redis-away/)
  expect(() => parseOptions(['--scale', '2'])).toThrow('--scale')
  expect(() => parseOptions(['--solvers', '-1'])).toThrow('--solvers')
})

function asksForCode({ password }: { readonly password?: string }): boolean {
  return password === undefined
}
