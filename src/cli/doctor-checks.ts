/** One line of the report. */
export interface Finding {
  readonly name: string
  /** `todo`: nobody but a person at the vendor's console can tell. */
  readonly status: 'ok' | 'todo' | 'warn' | 'fail'
  readonly detail: string
  /** What to do about it; absent when all is well. */
  readonly advice?: string
}

/** A finding that all is well. */
export function ok(name: string, detail: string): Finding {
  return { name, status: 'ok', detail }
}

/** What only a console can tell: `detail` is what must hold there, `advice` where to look. */
export function todo(name: string, detail: string, advice: string): Finding {
  return { name, status: 'todo', detail, advice }
}

/** A finding that does not stop the server, with what to do about it. */
export function warn(name: string, detail: string, advice: string): Finding {
  return { name, status: 'warn', detail, advice }
}

/** A finding that has to be mended, with what to do about it. */
export function fail(name: string, detail: string, advice: string): Finding {
  return { name, status: 'fail', detail, advice }
}

/** The clock of this machine, to compare with others and to sign questions; the server reads the time it is given. */
export function wallClockMs(): number {
  return Math.floor(performance.timeOrigin + performance.now())
}

/** The shortest true account of what was thrown: the deepest cause that has something to say. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const deeper = thrown.cause ?? (thrown instanceof AggregateError ? thrown.errors[0] : undefined)
  if (deeper instanceof Error) return reasonOf(deeper)
  const { code } = thrown as NodeJS.ErrnoException
  return thrown.message || code || thrown.name
}
