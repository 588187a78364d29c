import { createHmac } from 'node:crypto'
import { guard } from '../src/abuse/abuse-guard.ts'
import { ledger } from '../src/abuse/ledger.ts'
import { moneyOf } from '../src/abuse/money.ts'
import { rulesInForce } from '../src/abuse/rules.ts'
import { loadConfig } from '../src/config/config.ts'
import { rules } from '../src/config/limit-rules.ts'
import { limits } from '../src/ops/limits.ts'
import type { Counter } from '../src/store/ephemeral.ts'
import type { Database } from '../src/store/postgres.ts'
import type { NamedStatement } from '../src/store/statement.ts'

// What a decision costs this process, beside the limits that a message takes anyway: `node bench/decision-cost.ts`.

const decisions = 20_000
const { config } = loadConfig({ env: {}, cwd: '/' })
/** A store that answers at once: what is left is the work of the program. */
const store = {
  count: async (counters: readonly Counter[]) => ({
    isCounted: true,
    counts: counters.map(() => ({ used: 1, waitSeconds: 0 })),
  }),
}
const database = {
  commitQuery: async ({ values: [, countries] }: NamedStatement) => ({
    rows: (countries as string[]).map(() => ({ is_taken: true, used: 1, wait_ms: 0 })),
  }),
} as unknown as Database
const clock = () => Date.now()
const mac = (text: string) => createHmac('sha256', 'key').update(text).digest('base64url')
const common = {
  limits: limits({ store, rules: rules(config), mac, factors: config.limits.networks }),
  money: moneyOf({ ...config.sms, vendors: [] }),
  ledger: ledger({ database, clock }),
  ...{ mac, factors: config.limits.networks, isFreeHere: false, clock },
}

async function cpuMsOf(inForce: ReturnType<typeof rulesInForce>): Promise<number> {
  const deciding = guard({ ...common, rules: inForce })
  const decide = (n: number) => {
    const to = `+8613${String((n * 104_729) % 1_000_000_000).padStart(9, '0')}`
    const ip = `2001:db8:${(n % 65_536).toString(16)}::1`
    return deciding.decide({ act: 'message', channel: 'sms', to, ip, isKnownDevice: false, clientId: 'web' }, [
      ['sms.ip', ip],
      ['sms.pair', { ip, of: to }],
      ['sms.number', to],
      ['sms.number_day', to],
      ['sms.total', 'all'],
    ])
  }
  for (let n = 0; n < 2000; n++) await decide(n)
  const before = process.cpuUsage()
  for (let n = 0; n < decisions; n++) await decide(n)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / decisions
}

const [alone, whole] = [await cpuMsOf([]), await cpuMsOf(rulesInForce(config.abuse))]
const shown = (ms: number) => `${ms.toFixed(3)} ms`
process.stdout.write(
  `limits and money: ${shown(alone)}; with all rules: ${shown(whole)}; rules: ${shown(whole - alone)}\n`,
)
