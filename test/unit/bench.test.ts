import { describe, expect, test } from 'vitest'
import { judge } from '../../bench/goals.ts'
import { parseOptions } from '../../bench/options.ts'
import { paced } from '../../bench/paced.ts'
import { better, leastDisturbed, median, quantile, ratioOf, type Slice } from '../../bench/statistics.ts'
import { figure, table } from '../../bench/table.ts'

function slice(cpuMicros: number, p99Ms = 1): Slice {
  return { operations: 100, cpuMicros, operationsPerSecond: 1000, p50Ms: 0.5, p99Ms }
}

describe('statistics', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

  test('a quantile is a value that was measured, at the ends too', () => {
    expect([0, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100])
    expect(quantile([7], 0.99)).toBe(7)
    expect(quantile([], 0.5)).toBeNaN()
  })

  test('the median of an even number lies between the two in the middle', () => {
    expect(median([4, 1, 3])).toBe(3)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })

  test('the least disturbed slice is the one in which an operation cost least', () => {
    expect(leastDisturbed([slice(300, 9), slice(200, 4), slice(250, 1)]).p99Ms).toBe(4)
    expect(() => leastDisturbed([])).toThrow('no slice')
  })

  test('ratios compare slices that ran side by side, and the best ones', () => {
    const ratio = ratioOf([slice(100), slice(200), slice(120)], [slice(200), slice(250), slice(160)])
    expect(ratio).toEqual({ medianOfPairs: 0.75, ofLeastDisturbed: 0.625 })
    expect(better(ratio)).toBe(0.75)
  })
})

describe('goals', () => {
  test('what was not measured is not judged, and a bound holds in its own direction', () => {
    const verdicts = judge({
      scenario: (name) =>
        name === 'jwks'
          ? { cpuMicros: 20, p99Ms: 2.5, ratio: { medianOfPairs: 2.2, ofLeastDisturbed: 1.9 } }
          : undefined,
      jwtOverOpaqueFloor: undefined,
      roundTrips: (name) => (name === 'refresh' ? 2 : undefined),
      upstreamTimesSms: undefined,
      storm: undefined,
      imported: undefined,
    })
    expect(verdicts.map(({ id, measured, met }) => [id, measured, met])).toEqual([
      ['G6', 2.2, true],
      ['G6', 2.5, false],
      ['G7', 2, true],
    ])
  })
})

describe('options', () => {
  test('another checkout is measured beside only when it is named', () => {
    expect(parseOptions([]).beside).toBeUndefined()
    expect(parseOptions(['--beside', '../before']).beside).toBe('../before')
  })

  test('named scenarios keep the order of the table; an unknown one is refused with those there are', () => {
    expect(parseOptions(['--scenario', 'refresh,jwks', '--scenario', 'storm']).rows).toEqual([
      'jwks',
      'refresh',
      'storm',
    ])
    expect(() => parseOptions(['--scenario', 'refrsh'])).toThrow(/refrsh; there are discovery/)
    expect(() => parseOptions(['--seconds', 'x'])).toThrow('--seconds')
  })
})

describe('a fixed rate', () => {
  test('goes on when an operation fails, and lets what finds no lane free wait', async () => {
    let calls = 0
    const lane = async () => {
      calls += 1
      if (calls === 2) throw new Error('refused')
    }
    const { latencies, failures } = await paced([lane], 1000, 10)
    expect(calls).toBe(10)
    expect(latencies).toHaveLength(9)
    expect(failures).toEqual({ refused: 1 })
  })
})

test('a table is as wide as its widest cells, with figures to the right', () => {
  expect(
    table(
      ['what', 'µs'],
      [
        ['refresh', figure(412.4)],
        ['jwks', figure(9.5)],
      ],
    ).split('\n'),
  ).toEqual(['| what    |   µs |', '| ------- | ---: |', '| refresh |  412 |', '| jwks    | 9.50 |'])
  expect(figure(Number.NaN)).toBe('-')
})
