import { quantile } from '../bench/statistics.ts'
import type { Aftermath } from './siege.ts'
import type { Visit } from './visits.ts'

/** Some of the people, and how they fared together. */
export interface Group {
  readonly people: number
  /** Share of them that got in, from 0 to 1. */
  readonly share: number
  readonly p50Seconds: number
  readonly p95Seconds: number
}

/** How these people fared together. */
export function fared(visits: readonly Visit[]): Group {
  const inside = visits.filter(({ isIn }) => isIn)
  const seconds = inside.map((each) => each.seconds)
  return {
    people: visits.length,
    share: visits.length === 0 ? Number.NaN : inside.length / visits.length,
    p50Seconds: quantile(seconds, 0.5),
    p95Seconds: quantile(seconds, 0.95),
  }
}

/** All that was spent on messages, in yuan. */
export function yuanOf({ spent }: Pick<Aftermath, 'spent'>): number {
  return Object.values(spent).reduce((sum, { yuan }) => sum + yuan, 0)
}

/** What has to hold, and whether it does. */
export interface Verdict {
  readonly title: string
  readonly must: string
  readonly measured: number
  readonly met: boolean
}

/** A goal that was not measured is not judged. */
export function judge(aftermath: Aftermath, capYuan: number | undefined): Verdict[] {
  const known = fared(aftermath.visits.filter(({ person }) => person.isKnown))
  const others = fared(aftermath.visits.filter(({ person }) => !person.isKnown))
  const timesIdle = aftermath.siege.p99Ms / aftermath.idle.p99Ms
  const atLeast = (title: string, must: number, measured: number) => ({
    ...{ title, must: `≥ ${must}`, measured },
    met: measured >= must,
  })
  const atMost = (title: string, must: number, measured: number) => ({
    ...{ title, must: `≤ ${must}`, measured },
    met: measured <= must,
  })
  return [
    ...(capYuan === undefined ? [] : [atMost('money, yuan', capYuan, yuanOf(aftermath))]),
    atLeast('people with a known device who got in', 0.99, known.share),
    atLeast('people without one who got in', 0.95, others.share),
    atMost('seconds until half of those were in', 60, others.p50Seconds),
    atMost('p99 of a refresh over that before the siege', 1.5, timesIdle),
  ]
}
