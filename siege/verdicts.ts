import { quantile } from '../bench/statistics.ts'
import type { Aftermath } from './siege.ts'
import { type Place, places } from './vendor.ts'
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

/** What has to hold, and whether it does. */
export interface Verdict {
  readonly title: string
  readonly must: string
  readonly measured: number
  readonly met: boolean
}

/** Every goal of a siege. */
export function judge(aftermath: Aftermath, caps: Readonly<Record<Place, number>>): Verdict[] {
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
    ...places.map((place) => atMost(`yuan for messages, ${place}`, caps[place], aftermath.yuan[place])),
    atLeast('people with a known device who got in', 0.99, known.share),
    atLeast('people without one who got in', 0.95, others.share),
    atMost('seconds until half of those were in', 60, others.p50Seconds),
    atMost('p99 of a refresh over that before the siege', 1.5, timesIdle),
  ]
}
