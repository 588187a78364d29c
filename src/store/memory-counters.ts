import type { Clock } from '../base/clock.ts'
import { besides, type Counter, countOf, type EphemeralStore } from './ephemeral.ts'

interface Entry {
  readonly at: number
  readonly events: number
}

/**
 * Counters in the memory of this process, for whoever tries rules without touching a store: they count as those of
 * Redis and of the table do.
 */
export function memoryCounters(clock: Clock): Pick<EphemeralStore, 'count'> {
  const kept = new Map<string, readonly Entry[]>()

  return {
    async count(counters) {
      const now = clock()
      const beside = besides(counters)
      const living = ({ key, seconds }: Counter) => (kept.get(key) ?? []).filter(({ at }) => at + seconds * 1000 > now)
      const before = counters.map(living)
      const isAgain = beside.map(({ first }, index) => {
        const given = Math.min(counters[first - 1]?.amount ?? 1, 0)
        return first > 0 && first !== index + 1 && sum(before[first - 1] ?? []) + given > 0
      })
      const recentOf = (index: number, all: readonly (readonly Entry[])[]) => {
        const newMs = (counters[index]?.newSeconds ?? 0) * 1000
        return sum((all[index] ?? []).filter(({ at }) => newMs > 0 && at > now - newMs))
      }
      const hasRoom = (counter: Counter, index: number, all: readonly (readonly Entry[])[]) => {
        const used = sum(all[index] ?? [])
        const { other, share } = beside[index] ?? { other: 0, share: 0 }
        if (isAgain[index] || used + needOf(counter) <= counter.max) return true
        const spared = Math.min(recentOf(index, all), recentOf(other - 1, all))
        return other > 0 && sum(all[other - 1] ?? []) * 100 >= share * (used - spared)
      }
      const isCounted = counters.every((counter, index) => (counter.amount ?? 1) < 0 || hasRoom(counter, index, before))
      const after = before.map((entries, index) =>
        isCounted && !isAgain[index] ? changed(entries, counters[index] as Counter, now) : entries,
      )
      if (isCounted) for (const [index, { key }] of counters.entries()) kept.set(key, after[index] ?? [])
      const counts = counters.map((counter, index) => {
        const entries = after[index] ?? []
        const waitMs = hasRoom(counter, index, after) ? 0 : waitOf(entries, counter, now)
        return countOf(counter, { used: sum(entries), waitMs, recent: recentOf(index, after) })
      })
      return { isCounted, counts }
    },
  }
}

function sum(entries: readonly Entry[]): number {
  return entries.reduce((total, { events }) => total + events, 0)
}

function needOf({ amount = 1 }: Counter): number {
  return Math.max(amount, 1)
}

function changed(
  entries: readonly Entry[],
  { key, max, seconds, amount = 1, once }: Counter,
  now: number,
): readonly Entry[] {
  if (amount === 0) return entries
  const step = max > 60 ? Math.floor((seconds * 1000) / 60) : 1
  const single = once === key ? entries[0]?.at : undefined
  const at =
    amount > 0 ? (single ?? Math.ceil(now / step) * step) : (entries.findLast(({ events }) => events > 0)?.at ?? now)
  const found = entries.find((each) => each.at === at)?.events ?? 0
  const others = entries.filter((each) => each.at !== at)
  return [...others, { at, events: Math.max(found + amount, 0) }]
    .filter(({ events }) => events > 0)
    .toSorted((one, other) => one.at - other.at)
}

function waitOf(entries: readonly Entry[], counter: Counter, now: number): number {
  const spanMs = counter.seconds * 1000
  let left = sum(entries)
  for (const { at, events } of entries) {
    left -= events
    if (left + needOf(counter) <= counter.max) return at + spanMs - now
  }
  return spanMs
}
