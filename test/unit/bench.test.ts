import { describe, expect, test } from 'vitest'
import { waitGrowth } from '../../bench/crowd.ts'
import { findings } from '../../bench/findings.ts'
import { type Findings, judge } from '../../bench/goals.ts'
import { growthOf } from '../../bench/growth.ts'
import { memoryOf } from '../../bench/memory.ts'
import { parseOptions } from '../../bench/options.ts'
import { paced } from '../../bench/paced.ts'
import { readStat, sumTree } from '../../bench/process-tree.ts'
import type { Found } from '../../bench/rows.ts'
import { whyNotScaled } from '../../bench/scaling.ts'
import { heapCapIn, shippedHeapCap } from '../../bench/served.ts'
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

const nothing: Findings = {
  scenario: () => undefined,
  jwtOverOpaqueFloor: undefined,
  roundTrips: () => undefined,
  upstreamTimesSms: undefined,
  storm: undefined,
  imported: undefined,
  processes: {
    growth: undefined,
    sweep: undefined,
    fullness: undefined,
    waitGrowth: undefined,
    residentMiB: undefined,
    memoryGrowth: undefined,
    readySeconds: undefined,
    firstReadySeconds: undefined,
    scaling: undefined,
  },
}

const emptyReport: Found = {
  rows: [],
  storm: [],
  upstream: [],
  crowd: [],
  roundTrips: [],
  hashing: [],
  growth: [],
  fullness: [],
  memory: [],
  million: [],
  starts: [],
  scaling: [],
  moving: [],
  sweep: [],
  peers: [],
}

describe('goals', () => {
  test('what was not measured is not judged, and a bound holds in its own direction', () => {
    const verdicts = judge({
      ...nothing,
      scenario: (name) =>
        name === 'jwks'
          ? { cpuMicros: 20, p99Ms: 2.5, ratio: { medianOfPairs: 2.6, ofLeastDisturbed: 1.9 } }
          : undefined,
      roundTrips: (name) => (name === 'refresh' ? 2 : undefined),
    })
    expect(verdicts.map(({ id, measured, met }) => [id, measured, met])).toEqual([
      ['G6', 2.6, true],
      ['G6', 2.5, false],
      ['G7', 2, true],
    ])
  })

  test('a figure that says nothing on this machine is shown and not judged', () => {
    const judged = (whyNot: string | undefined) =>
      judge({ ...nothing, processes: { ...nothing.processes, scaling: { times: 1.2, whyNot } } })
    expect(judged(whyNotScaled(2))).toMatchObject([
      { id: 'scaling', measured: 1.2, met: undefined, whyNot: 'two cores' },
    ])
    expect(judged(whyNotScaled(4))).toMatchObject([{ id: 'scaling', met: false, whyNot: undefined }])
  })

  test('the worst of both stores and of all kinds of requests is judged', () => {
    const start = { medianSeconds: 9 }
    const growth = { scenario: 'refresh', records: 9, firstMicros: 100, lastMicros: 120 } as const
    const { processes } = findings({
      ...emptyReport,
      growth: [
        { ...growth, server: 'redis', times: 1.2 },
        { ...growth, server: 'tables', times: 1.4 },
      ],
      starts: [
        { store: 'embedded', isFirst: true, leastSeconds: 2.4, ...start },
        { store: 'embedded', isFirst: false, leastSeconds: 0.7, ...start },
        { store: 'redis', isFirst: false, leastSeconds: 0.9, ...start },
      ],
    })
    expect(processes).toMatchObject({ growth: 1.4, readySeconds: 0.9, firstReadySeconds: 2.4, fullness: undefined })
  })
})

describe('rows of processes', () => {
  test('p99 grows as fast as the connections at 1, and the worst growth counts', () => {
    const of = (connections: number, p99Ms: number) =>
      ({ scenario: 'refresh', server: 'redis', connections, p99Ms }) as const
    expect(waitGrowth([of(16, 10), of(64, 30), of(256, 160)])).toBe(1)
    expect(waitGrowth([of(16, 10), of(64, 60), of(256, 160)])).toBe(1.5)
    expect(waitGrowth([])).toBeUndefined()
  })

  test('growth compares the middle of the first quarter with that of the last', () => {
    expect(growthOf([100, 900, 100, 1, 1, 1, 1, 1, 1, 300, 250, 300])).toEqual({
      firstMicros: 100,
      lastMicros: 300,
      times: 3,
    })
  })

  test('memory is what was taken at most, and the end beside what came after the warm-up', () => {
    const moments = [150, 180, 200, 240, 201, 202, 203, 204, 205, 206, 210].map((residentMiB, index) => ({
      requests: index * 100,
      residentMiB,
    }))
    const tenths = [165, 190, 220, 220.5, 201.5, 202.5, 203.5, 204.5, 205.5, 208]
    expect(memoryOf(moments)).toEqual({ requests: 1000, mostMiB: 240, growth: 208 / 190, tenths })
  })

  test('the heap is capped as the image caps it', () => {
    expect(shippedHeapCap()).toMatch(/^--max-old-space-size=\d+/)
    expect(() => heapCapIn('ENV NODE_ENV=production')).toThrow('caps no heap')
  })

  test('a process counts with everything below it, whatever its program is called', () => {
    const line = (pid: number, name: string, parent: number, [user, system, pages]: [number, number, number]) =>
      readStat(
        `${pid} (${name}) S ${parent} 1 1 0 -1 0 0 0 0 0 ${user} ${system} 3 4 20 0 1 0 9 1024 ${pages} 18446744073709551615`,
      )
    const stats = [
      line(1, 'init', 0, [900, 900, 9000]),
      line(7, 'a (b) c', 1, [10, 5, 256]),
      line(8, 'child', 7, [20, 0, 512]),
      line(9, 'grandchild', 8, [1, 1, 256]),
    ]
    expect(sumTree(stats, 7)).toEqual({ cpuSeconds: 0.58, residentMiB: 4, ownResidentMiB: 1 })
    expect(sumTree(stats, 5)).toEqual({ cpuSeconds: 0, residentMiB: 0, ownResidentMiB: 0 })
  })
})

describe('options', () => {
  test('a row that takes long is measured only when it is named', () => {
    expect(parseOptions([]).rows).not.toContain('million')
    expect(parseOptions(['--scenario', 'million,growth']).rows).toEqual(['growth', 'million'])
  })

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
