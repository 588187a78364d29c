import { type Guard, guard } from '../../src/abuse/abuse-guard.ts'
import { type Ledger, memoryLedger } from '../../src/abuse/ledger.ts'
import { budgetOptions, moneyOf } from '../../src/abuse/money.ts'
import { rulesInForce } from '../../src/abuse/rules.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Config } from '../../src/config/config.ts'
import type { LimitName } from '../../src/config/limit-rules.ts'
import type { Limits } from '../../src/ops/limits.ts'

/** A guard without rules, that lets limits alone decide, and money for as many messages as anybody sends. */
export function limitsAlone<Name extends string>(
  limits: Pick<Limits<Name>, 'tryAll' | 'giveBack' | 'refuse'>,
): Guard<Name> {
  return guard({
    limits,
    rules: [],
    money: moneyOf({
      price: { mainland: 0, hmt: 0, international: 0 },
      budget: budgetOptions.parse({}),
      limits: { per_day_total: 1, reserved_percent: 0 },
      vendors: [],
    }),
    ledger: memoryLedger(() => Date.now()),
    mac: (text) => text,
    factors: { ipv4_24: 16, ipv6_56: 4, ipv6_48: 16 },
    isFreeHere: false,
    clock: () => Date.now(),
  })
}

interface Counting {
  readonly limits: Limits<LimitName>
  readonly mac: (text: string) => string
  readonly clock: Clock
  /** Absent: money is counted in memory. */
  readonly ledger?: Ledger
}

/** The guard of a configuration, over limits of a test. */
export function guardOf({ sms, abuse, limits: { networks } }: Config, counting: Counting): Guard<LimitName> {
  const money = moneyOf({ ...sms, vendors: [] })
  const { ledger = memoryLedger(counting.clock) } = counting
  return guard({ ...counting, rules: rulesInForce(abuse), money, ledger, factors: networks, isFreeHere: false })
}
