import { olderMsText } from './older-time.ts'

/** The greatest integer of PostgreSQL: what somebody has made endless by hand is never looked at. */
const lastMinute = 2 ** 31 - 1

/** The first minute, counted from the epoch, in which a row may be deleted, as SQL of an integer. */
export function sweepMinuteSql(endSeconds: string): string {
  return `cast(least(ceil(${endSeconds} / 60), ${lastMinute}) as integer)`
}

/** A table whose rows have a `sweep_minute`, which use does not change, and how a statement names its parameters. */
interface Swept {
  readonly table: string
  /** From when on a row may be deleted, as SQL of seconds since the epoch. */
  readonly endSeconds: string
  /** Those of `olderMsText`, and of the most rows that are looked at. */
  readonly parameters: readonly [clock: string, ahead: string, limit: string]
}

/**
 * The parts of a statement that looks at the rows whose minute has come, the oldest first: `gone` deletes those that
 * have ended, `kept` gives the others, which were prolonged since, the minute of their present end. Both go by `due`,
 * the rows that are looked at; those that somebody is writing are left for the next time.
 */
export function sweepParts({ table, endSeconds, parameters: [clock, ahead, limit] }: Swept) {
  return {
    gone: `with older as materialized (select ${olderMsText(clock, ahead)} / 1000 as seconds), due as (
    select ctid, ${endSeconds} <= (select seconds from older) as is_over from ${table}
    where sweep_minute <= (select cast(floor(seconds / 60) as integer) from older)
    order by sweep_minute limit ${limit} for update skip locked
  ), gone as (
    delete from ${table} where ctid = any(array(select ctid from due where is_over)) returning *
  )`,
    kept: `kept as (
    update ${table} set sweep_minute = ${sweepMinuteSql(endSeconds)}
    where ctid = any(array(select ctid from due where not is_over))
  )`,
  }
}
