import { startAliyunSms } from '../../sandbox/simulators/aliyun-sms.ts'
import type { Simulator } from '../../sandbox/simulators/simulator.ts'
import { startTencentSms } from '../../sandbox/simulators/tencent-sms.ts'
import type { Clock } from '../../src/base/clock.ts'
import { parsePhone } from '../../src/base/phone.ts'
import { type SmsCode, smsTemplates } from '../../src/sms/sms-sender.ts'
import { type SmsSenderOptions, smsSenderOptions } from '../../src/sms/sms-senders.ts'

/** The message every sender has to deliver. */
export const message: SmsCode = {
  to: parsePhone('13900001234'),
  template: 'login_code',
  otp: '739251',
  ttlMinutes: 5,
}
const vendorSecrets = { aliyun: 'aliyun-secret-DNTL', tencent: 'tencent-secret-DNTL' }
const each = <T>(make: (template: (typeof smsTemplates)[number]) => T) =>
  Object.fromEntries(smsTemplates.map((template) => [template, make(template)]))

interface Delivered {
  readonly to: string
  readonly otp: string | undefined
}

/** One vendor on its simulator, as the suite sees it. */
export interface Vendor {
  readonly simulator: Simulator
  readonly options: (bent?: Record<string, unknown>) => SmsSenderOptions
  readonly delivered: () => Delivered[]
  readonly secretOption: string
  /** A message to a number this vendor will not serve. */
  readonly unserved: SmsCode
  /** Codes by what they must become. */
  readonly codes: Readonly<Record<'number' | 'ours' | 'theirs', readonly string[]>>
  /** Codes (and the vendor's words) by the pause they must become. */
  readonly pauses: readonly (readonly [code: string, words: string, seconds: number])[]
}

/** Aliyun's settings and simulator. */
export async function aliyun(clock: Clock): Promise<Vendor> {
  const simulator = await startAliyunSms({
    clock,
    accessKeys: { testid: vendorSecrets.aliyun },
    signNames: ['门神 & Co'],
    unknownNumbers: ['8613900009999'],
    templates: { SMS_login_code: { variables: ['code'] }, SMS_bind_code: { variables: ['code'] } },
  })
  return {
    simulator,
    options: (bent = {}) =>
      smsSenderOptions.parse({
        type: 'aliyun',
        access_key_id: 'testid',
        access_key_secret: vendorSecrets.aliyun,
        sign_name: '门神 & Co',
        templates: each((template) => `SMS_${template}`),
        endpoint: simulator.url,
        ...bent,
      }),
    delivered: () => simulator.sent.map(({ to, params }) => ({ to, otp: params['code'] })),
    secretOption: 'access_key_secret',
    unserved: { ...message, to: parsePhone('13900009999') },
    codes: {
      number: ['isv.MOBILE_NUMBER_ILLEGAL', 'isv.MOBILE_COUNT_OVER_LIMIT'],
      ours: [
        ...['isv.DAY_LIMIT_CONTROL', 'isv.MONTH_LIMIT_CONTROL', 'isv.OUT_OF_SERVICE', 'isv.AMOUNT_NOT_ENOUGH'],
        ...['isv.SMS_SIGNATURE_ILLEGAL', 'isv.SMS_TEMPLATE_ILLEGAL', 'isv.INVALID_PARAMETERS', 'isv.DENY_IP_RANGE'],
        ...['isv.DOMESTIC_NUMBER_NOT_SUPPORTED', 'isp.RAM_PERMISSION_DENY', 'isv.PRODUCT_UN_SUBSCRIPT'],
      ],
      theirs: ['isp.SYSTEM_ERROR'],
    },
    pauses: [
      ['isv.BUSINESS_LIMIT_CONTROL', '触发分钟级流控Permits:1', 60],
      ['isv.BUSINESS_LIMIT_CONTROL', '触发小时级流控Permits:5', 3600],
      ['isv.BUSINESS_LIMIT_CONTROL', '触发天级流控Permits:10', 86_400],
      ['isv.BUSINESS_LIMIT_CONTROL', '触发号码天级流控Permits:40', 86_400],
    ],
  }
}

/** Tencent Cloud's settings and simulator. */
export async function tencent(clock: Clock): Promise<Vendor> {
  const simulator = await startTencentSms({
    clock,
    secretKeys: { AKIDtest: vendorSecrets.tencent },
    sdkAppIds: ['1400006666'],
    signNames: ['门神'],
    templates: { '1001': 2, '1002': 1 },
    blacklist: ['+8613900009999'],
  })
  return {
    simulator,
    options: (bent = {}) =>
      smsSenderOptions.parse({
        type: 'tencent',
        secret_id: 'AKIDtest',
        secret_key: vendorSecrets.tencent,
        sdk_app_id: '1400006666',
        sign_name: '门神',
        templates: {
          ...each(() => ({ id: '1001', params: ['otp', 'ttl_minutes'] })),
          bind_code: { id: '1002', params: ['otp'] },
        },
        endpoint: simulator.url,
        ...bent,
      }),
    delivered: () => simulator.sent.map(({ to, params }) => ({ to, otp: params['1'] })),
    secretOption: 'secret_key',
    unserved: { ...message, to: parsePhone('13900009999') },
    codes: {
      number: ['InvalidParameterValue.IncorrectPhoneNumber', 'FailedOperation.PhoneNumberInBlacklist'],
      ours: [
        ...['LimitExceeded.AppDailyLimit', 'LimitExceeded.DailyLimit'],
        ...['FailedOperation.InsufficientBalanceInSmsPackage', 'UnauthorizedOperation.SerivceSuspendDueToArrears'],
        ...['FailedOperation.SignatureIncorrectOrUnapproved', 'InvalidParameterValue.SdkAppIdNotExist'],
        ...['UnauthorizedOperation.RequestIpNotInWhitelist', 'AuthFailure.SignatureExpire', 'AuthFailure.TokenFailure'],
      ],
      theirs: ['RequestLimitExceeded', 'RequestLimitExceeded.UinLimitExceeded', 'InternalError.OtherError'],
    },
    pauses: [
      ['LimitExceeded.PhoneNumberThirtySecondLimit', '', 30],
      ['LimitExceeded.DeliveryFrequencyLimit', '', 60],
      ['LimitExceeded.PhoneNumberOneHourLimit', '', 3600],
      ['LimitExceeded.PhoneNumberDailyLimit', '', 86_400],
      ['LimitExceeded.PhoneNumberSameContentDailyLimit', '', 86_400],
    ],
  }
}
