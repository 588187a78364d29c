import { type Guard, guard } from '../abuse/abuse-guard.ts'
import { moneyOf } from '../abuse/money.ts'
import { rulesInForce } from '../abuse/rules.ts'
import type { LimitName } from '../config/limit-rules.ts'
import type { Limits } from '../ops/limits.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Core } from './core.ts'

interface Dependencies {
  readonly limits: Limits<LimitName>
  readonly metrics: Metrics
}

/** Builds the one place that decides before anything costly, and tells operators what it decided. */
export function buildGuard(
  { config, clock, log, sealer, audit }: Core,
  { limits, metrics }: Dependencies,
): Guard<LimitName> {
  const { sms, abuse, sandbox } = config
  return guard({
    limits,
    rules: rulesInForce(abuse),
    money: moneyOf({ ...sms, vendors: sms.senders }),
    mac: (text) => sealer.mac('limit', text),
    factors: config.limits.networks,
    isFreeHere: sandbox,
    clock,
    onError: (error) => log.error({ err: error }, 'what was decided could not be counted'),
    async onDecision({ act, ip, clientId }, { verdict, level, reasons, limits: said }) {
      metrics.decisions.inc({ act, verdict: said.refusedBy.length > 0 ? 'limited' : verdict })
      for (const rule of reasons) metrics.rulesBroken.inc({ rule })
      if (verdict === 'allow') return
      await audit.write({ event: 'abuse.suspected', ip, clientId, detail: { act, verdict, level, reasons } })
    },
  })
}
