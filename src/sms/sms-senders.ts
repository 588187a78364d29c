import type { Logger } from 'pino'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import type { HttpClient } from '../base/http.ts'
import { aliyunSms, aliyunSmsOptions } from './aliyun.ts'
import { failoverSms } from './failover.ts'
import type { SmsSender } from './sms-sender.ts'
import { tencentSms, tencentSmsOptions } from './tencent.ts'

/** Settings of one SMS vendor, told apart by `type`. */
export const smsSenderOptions = z.discriminatedUnion('type', [aliyunSmsOptions, tencentSmsOptions])
/** The settings of one vendor of messages, after they were checked. */
export type SmsSenderOptions = z.output<typeof smsSenderOptions>

interface SmsDeps {
  readonly http: HttpClient
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly onOutcome?: (vendor: string, outcome: string) => void
}

/** The configured vendors as one sender that fails over in the order given. */
export function buildSmsSender(
  options: readonly SmsSenderOptions[],
  { http, clock, log, onOutcome }: SmsDeps,
): SmsSender {
  const build = (one: SmsSenderOptions): SmsSender => {
    switch (one.type) {
      case 'aliyun':
        return aliyunSms(one, { http, clock })
      case 'tencent':
        return tencentSms(one, { http, clock })
    }
  }
  return failoverSms(
    options.map((one) => ({ name: one.type, sender: build(one) })),
    { log, onOutcome },
  )
}
