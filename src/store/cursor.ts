import { param, sql } from './statement.ts'

/**
 * Where a page of rows ends that are sorted by a time and an id. The time is exact to the microsecond, as PostgreSQL
 * keeps it: a page that began at a millisecond would leave rows out.
 */
export interface TimeCursor {
  /** Microseconds since the epoch. */
  readonly us: number
  readonly id: string
}

/** Before everything, where the newest rows come first. */
export const newest: TimeCursor = { us: 9e15, id: '' }

/** A cursor as people and scripts carry it from one page to the next. */
export function cursorText({ us, id }: TimeCursor): string {
  return `${us}-${id}`
}

/** Reads it; undefined for what is none. */
export function readCursor(text: string): TimeCursor | undefined {
  const [, us, id] = /^(\d{1,16})-([\w-]{0,64})$/.exec(text) ?? []
  return us === undefined || id === undefined ? undefined : { us: Number(us), id }
}

/** The time of a cursor, as SQL. */
export const cursorTime = sql`(timestamptz 'epoch' + ${param.bigint('us')} * interval '1 microsecond')`

/** A time as a cursor has it, as SQL; `column` is SQL too. */
export function microseconds(column: string): string {
  return `cast(extract(epoch from ${column}) * 1000000 as bigint)`
}
