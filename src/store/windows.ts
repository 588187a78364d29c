import type { Window } from './ephemeral.ts'

/** What both stores need to know of a set of rolling windows. */
export interface WindowSet {
  readonly longestMs: number
  readonly mostEvents: number
  readonly maxes: readonly number[]
  readonly spansMs: readonly number[]
}

export function windowSet(windows: readonly Window[]): WindowSet {
  const maxes = windows.map(({ max }) => max)
  const spansMs = windows.map(({ seconds }) => seconds * 1000)
  return { longestMs: Math.max(0, ...spansMs), mostEvents: Math.max(0, ...maxes), maxes, spansMs }
}

/** The answer that needs no store: undefined when the store has to be asked. A window of no events is always full. */
export function settledAnswer(windows: readonly Window[]): number | undefined {
  const shut = windows.filter(({ max }) => max < 1)
  if (shut.length > 0) return Math.max(...shut.map(({ seconds }) => seconds))
  return windows.length === 0 ? 0 : undefined
}

/** Milliseconds as the whole seconds a person or client is told to wait. */
export function waitSeconds(waitMs: number): number {
  return Math.ceil(waitMs / 1000)
}
