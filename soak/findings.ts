import type { Person } from './ledger.ts'

/** Something that must not be. */
export interface Finding {
  readonly atMs: number
  readonly what: string
  /** The number of the operation it came of, where it came of one. */
  readonly operation?: number | undefined
  readonly person?: number | undefined
  /** What this person did last. */
  readonly diary: readonly string[]
  /** What the servers wrote around it. */
  readonly log: readonly string[]
}

/** After so many there is no use in going on. */
export const mostFindings = 20

/** Collects what must not be, and tells it at once. */
export class Findings {
  readonly all: Finding[] = []
  readonly #logAround: (atMs: number) => readonly string[]
  readonly #tell: (text: string) => void

  constructor(logAround: (atMs: number) => readonly string[], tell: (text: string) => void) {
    this.#logAround = logAround
    this.#tell = tell
  }

  add(what: string, of: { readonly operation?: number; readonly person?: Person } = {}): void {
    const atMs = Date.now()
    const { operation, person } = of
    const diary = person?.diary.slice() ?? []
    const finding = { atMs, what, operation, person: person?.index, diary, log: this.#logAround(atMs) }
    if (this.all.length < mostFindings) this.all.push(finding)
    this.#tell(findingText(finding))
  }
}

/** A finding for people. */
export function findingText({ atMs, what, operation, person, diary, log }: Finding): string {
  const where = [
    ...(operation === undefined ? [] : [`operation ${operation}`]),
    ...(person === undefined ? [] : [`person ${person}`]),
  ].join(', ')
  return [
    `FOUND at ${new Date(atMs).toISOString()}${where === '' ? '' : ` (${where})`}: ${what}`,
    ...diary.map((line) => `  did: ${line}`),
    ...log.map((line) => `  log: ${line}`),
  ].join('\n')
}
