import { type Guard, guard } from '../abuse/abuse-guard.ts'
import { ledger } from '../abuse/ledger.ts'
import { moneyOf, tiers, unitsOfMoney } from '../abuse/money.ts'
import { rulesInForce } from '../abuse/rules.ts'
import { httpClient } from '../base/http.ts'
import { type LimitName, rules } from '../config/limit-rules.ts'
import { type AlarmOf, budgetAlarm } from '../ops/alarm.ts'
import { deliverAlarms, queueAlarm } from '../ops/alarm-delivery.ts'
import { type Limits, limits } from '../ops/limits.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Core } from './core.ts'

interface Dependencies {
  readonly limits: Limits<LimitName>
  readonly metrics: Metrics
  readonly alarm: AlarmOf
}

/** Builds every limit of the product. */
export function buildAllLimits({ config, store, sealer }: Core, metrics: Metrics): Limits<LimitName> {
  return limits({
    store,
    rules: rules(config),
    mac: (text) => sealer.mac('limit', text),
    factors: config.limits.networks,
    onRefused: (limit) => metrics.limited.inc({ limit }),
  })
}

/** Builds the one place that decides before anything costly, and tells operators what it decided. */
export function buildGuard(
  { config, clock, database, log, sealer, audit }: Core,
  { limits: counting, metrics, alarm }: Dependencies,
): Guard<LimitName> {
  const { sms, abuse, sandbox } = config
  const money = moneyOf({ ...sms, vendors: sms.senders })
  for (const pot of money.pots) {
    const { country, per } = pot
    for (const part of tiers) metrics.moneyCap.set({ country, per, part }, pot[part] / unitsOfMoney)
  }
  return guard({
    limits: counting,
    rules: rulesInForce(abuse),
    money,
    ledger: ledger({ database, clock }),
    mac: (text) => sealer.mac('limit', text),
    factors: config.limits.networks,
    isFreeHere: sandbox,
    clock,
    onError: (error) => log.error({ err: error }, 'what was decided could not be counted'),
    onSpent(spent) {
      for (const { pot, tier: part, used } of spent) {
        const { country, per, seconds } = pot
        metrics.moneySpent.set({ country, per, part }, used / unitsOfMoney)
        const about = { what: `money for messages of one ${per}`, seconds }
        alarm(`money.${country}.${per}.${part}`, used / pot[part], about)
      }
    },
    async onDecision({ act, ip, clientId, to }, { verdict, level, reasons, limits: said }) {
      metrics.decisions.inc({ act, verdict: said.refusedBy.length > 0 ? 'limited' : verdict })
      for (const rule of reasons) metrics.rulesBroken.inc({ rule })
      if (verdict === 'allow') return
      const detail = { act, verdict, level, reasons, ...(to === undefined ? {} : { numbers: numbersAround(to) }) }
      await audit.write({ event: 'abuse.suspected', ip, clientId, detail })
    },
  })
}

/** The million numbers that one is among, or the domain of a mailbox: enough to see what an attack is after. */
function numbersAround(to: string): string {
  return to.startsWith('+') ? `${to.slice(0, -6)}…` : `…${to.slice(to.lastIndexOf('@'))}`
}

const webhookTimeoutMs = 5000

/** What tells operators that budgets are used up. */
export interface Alarms {
  readonly alarm: AlarmOf
  /** Tells the operator's system what it was not told yet; absent where there is none. */
  readonly deliver: (() => Promise<unknown>) | undefined
}

/** Builds what tells operators that a budget is half used, and again that four fifths are: log, metric and webhook. */
export function buildAlarms({ config, database, store, clock, log }: Core, metrics: Metrics): Alarms {
  const { alarm_webhook: url, alarm_secret: secret } = config.abuse
  const alarm = budgetAlarm({
    ...{ store, clock, log },
    gauge: (limit, share) => metrics.limitUsed.set({ limit }, share),
    ...(url && { tell: (raised) => queueAlarm({ database, clock }, raised) }),
  })
  if (url === undefined) return { alarm, deliver: undefined }
  const http = httpClient({ timeoutMs: webhookTimeoutMs, allowInsecure: config.sandbox })
  const { issuer } = config
  return { alarm, deliver: () => deliverAlarms({ database, clock, http, issuer, hook: { url, secret }, log, metrics }) }
}
