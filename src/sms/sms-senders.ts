import type { Logger } from 'pino'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import type { HttpClient } from '../base/http.ts'
import { aliyunSms } from './aliyun.ts'
import { aliyunSmsOptions } from './aliyun-options.ts'
import { failoverSms } from './failover.ts'
import type { SmsSender, SmsVendor } from './sms-sender.ts'
import { tencentSms } from './tencent.ts'
import { tencentSmsOptions } from './tencent-options.ts'
import { aliyunKeys, type KeyDeps, tencentKeys } from './vendor-keys.ts'

/** Settings of one SMS vendor, told apart by `type`. */
export const smsSenderOptions = z.discriminatedUnion('type', [aliyunSmsOptions, tencentSmsOptions])
/** The settings of one vendor of messages, after they were checked. */
export type SmsSenderOptions = z.output<typeof smsSenderOptions>

interface SmsDeps extends KeyDeps {
  readonly http: HttpClient
  readonly clock: Clock
  /** Calling codes that are served. */
  readonly countries: readonly string[]
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly onOutcome?: (vendor: string, outcome: string) => void
}

/** The configured vendors as one sender that fails over in the order given. */
export function buildSmsSender(options: readonly SmsSenderOptions[], dependencies: SmsDeps): SmsSender {
  const { log, onOutcome } = dependencies
  return failoverSms(
    options.map((one) => ({ name: one.type, vendor: buildSmsVendor(one, dependencies) })),
    { log, onOutcome },
  )
}

/** One configured vendor. */
export function buildSmsVendor(one: SmsSenderOptions, dependencies: Omit<SmsDeps, 'log' | 'onOutcome'>): SmsVendor {
  switch (one.type) {
    case 'aliyun':
      return aliyunSms(one, { ...dependencies, keys: aliyunKeys(one, dependencies) })
    case 'tencent':
      return tencentSms(one, { ...dependencies, keys: tencentKeys(one, dependencies) })
  }
}
