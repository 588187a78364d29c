import type { Clock } from '../base/clock.ts'
import { inTurn } from '../base/in-turn.ts'
import { deleteInBatches, oldestSql } from '../store/batches.ts'
import type { Count, Counter } from '../store/ephemeral.ts'
import { memoryCounters } from '../store/memory-counters.ts'
import { olderMsText, olderValues } from '../store/older-time.ts'
import type { Database } from '../store/postgres.ts'
import { param, sql, statement } from '../store/statement.ts'
import { unavailable } from '../store/unavailable.ts'
import { waitSeconds } from '../store/wait-seconds.ts'
import type { Pot, Tier } from './money.ts'

/** What is spent of one part of a pot. */
export interface Payment {
  readonly pot: Pot
  readonly tier: Tier
  /** The most that may have been spent afterwards. */
  readonly max: number
  /** In units. 0 only asks whether there is room for one; less than 0 gives back, of the latest that was spent. */
  readonly amount: number
}

/** What the ledger says of payments. */
export interface Paid {
  /** Whether all were made; none was, where one had no room. */
  readonly isPaid: boolean
  readonly counts: readonly Count[]
}

/**
 * What was spent of every pot in its rolling hour or day, for all processes together. SECURITY: it is logged as
 * everything is that must not be lost, because a counter that comes back empty is a pot that comes back full.
 */
export interface Ledger {
  /** Makes all of these payments or none. Throws `server.unavailable` when nobody can say: money fails closed. */
  pay(payments: readonly Payment[]): Promise<Paid>
  /**
   * What was said of all of these within so many milliseconds, to whichever request of this process; nobody is asked.
   * Undefined where something was not asked for lately.
   */
  recent(payments: readonly Payment[], withinMs: number): readonly Count[] | undefined
}

const take = statement(
  'money_take',
  sql`select is_taken, used, wait_ms from take_money(${param.bigint('nowMs')}, ${param.texts('countries')},
    ${param.texts('pers')}, ${param.texts('parts')}, ${param.bigints('most')}, ${param.bigints('spans')},
    ${param.bigints('amounts')})`,
)

interface Row {
  readonly is_taken: boolean
  readonly used: number
  readonly wait_ms: number
}

/**
 * For how long a pot without room is not asked again, however many want something of it: what a flood of requests
 * cannot have anyway must not keep the database busy.
 */
export const momentMs = 1000
/** A second or two of payments. */
const mostWaiting = 500

/** Whether there was room for all of these payments when this was said. */
export function hadRoom(payments: readonly Payment[], counts: readonly Count[]): boolean {
  return payments.every(({ max, amount }, index) => (counts[index] as Count).used + Math.max(amount, 1) <= max)
}

/**
 * The ledger in PostgreSQL. One statement makes the payments, which are all for one part of the world. Whoever pays for
 * it waits for whoever does so, and of one process a single connection does, so that a burst leaves the others free.
 */
export function ledger({ database, clock }: { readonly database: Database; readonly clock: Clock }): Ledger {
  const turns = new Map<string, ReturnType<typeof inTurn>>()
  const turnOf = (country: string) => {
    const refusal = () => unavailable(new Error(`${mostWaiting} payments wait for their turn`))
    const turn = turns.get(country) ?? inTurn(mostWaiting, refusal)
    turns.set(country, turn)
    return turn
  }
  const asking = remembered(clock, async (payments) => {
    const { rows } = await database.commitQuery<Row>(
      take.with({
        nowMs: Math.floor(clock()),
        countries: payments.map(({ pot }) => pot.country),
        pers: payments.map(({ pot }) => pot.per),
        parts: payments.map(({ tier }) => tier),
        most: payments.map(({ max }) => max),
        spans: payments.map(({ pot }) => pot.seconds * 1000),
        amounts: payments.map(({ amount }) => amount),
      }),
    )
    return {
      isPaid: rows.every(({ is_taken }) => is_taken),
      counts: rows.map(({ used, wait_ms }) => ({ used, waitSeconds: waitSeconds(wait_ms) })),
    }
  })

  return {
    recent: asking.recent,
    async pay(payments) {
      const [first] = payments
      if (first === undefined || payments.every(({ amount }) => amount === 0)) return asking.pay(payments)
      return turnOf(first.pot.country)(async () => {
        const known = asking.recent(payments, momentMs)
        const isGivenBack = payments.every(({ amount }) => amount < 0)
        if (known && !isGivenBack && !hadRoom(payments, known)) return { isPaid: false, counts: known }
        return asking.pay(payments)
      })
    },
  }
}

/** The same in memory, for whoever tries rules without touching a store. */
export function memoryLedger(clock: Clock): Ledger {
  const counters = memoryCounters(clock)
  return remembered(clock, async (payments) => {
    const { isCounted, counts } = await counters.count(
      payments.map((each): Counter => ({ key: keyOf(each), seconds: each.pot.seconds, ...each })),
    )
    return { isPaid: isCounted, counts }
  })
}

function keyOf({ pot: { country, per }, tier }: Payment): string {
  return `${country}:${per}:${tier}`
}

function remembered(clock: Clock, pay: Ledger['pay']): Ledger {
  const said = new Map<string, Count & { readonly atMs: number }>()
  return {
    async pay(payments) {
      const paid = await pay(payments)
      const atMs = clock()
      for (const [index, payment] of payments.entries()) {
        said.set(keyOf(payment), { ...(paid.counts[index] as Count), atMs })
      }
      return paid
    },
    recent(payments, withinMs) {
      const oldest = clock() - withinMs
      const found = payments.flatMap((payment) => said.get(keyOf(payment)) ?? [])
      return found.length === payments.length && found.every(({ atMs }) => atMs >= oldest) ? found : undefined
    },
  }
}

/** Nothing is asked of rows that are older. */
const keptMs = 2 * 86_400_000

/** Deletes what was spent so long ago that no pot counts it. */
export async function sweepLedger(database: Database, clock: Clock): Promise<void> {
  await deleteInBatches(async (limit) => {
    const { rowCount } = await database.knex.raw<{ rowCount: number }>(
      `delete from money_spent where ctid = ${oldestSql(
        'money_spent',
        'until_ms',
        `until_ms < cast(${olderMsText('?', '?')} as bigint) - cast(? as bigint)`,
      )}`,
      [...olderValues(clock), keptMs, limit],
    )
    return rowCount
  })
}
