import type { Clock } from '../../src/base/clock.ts'
import { AliyunGateway } from './aliyun-gateway.ts'
import { type Carrier, type CarrierGrant, type CarrierPurpose, carrierOf } from './carrier.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import { derived } from './issued.ts'
import { type Simulator, startSimulator } from './simulator.ts'

/** Which account and app the simulator knows. */
export interface AliyunDypnsOptions {
  readonly clock: Clock
  readonly carrier: Carrier
  /** AccessKeyId → secret. */
  readonly accessKeys: Readonly<Record<string, string>>
  /** What is known of a temporary key. */
  readonly temporaryKey?: (id: string) => IssuedKey | undefined
  /** The scheme of this account; tokens of others are good for nothing. */
  readonly scheme: string
  readonly port?: number
}

/** The simulator, and what a test may make it do. */
export interface AliyunDypnsSimulator extends Simulator {
  /** Says whether from now on the carriers cannot tell whose number it is. */
  setUnknown(isUnknown: boolean): void
}

/** What one action answers: the code of the first thing wrong, or what stands beside `Code`. */
type Outcome = string | Readonly<Record<string, unknown>>

/**
 * Plays Aliyun's phone number verification: GetMobile and VerifyMobile of dypnsapi 2017-05-25. Parameters are read from
 * the query, where the SDK puts them. Not documented by the vendor: the code for a token of another scheme
 * (isv.INVALID_APP here), whether a number of another carrier uses the access code up (it does here), and whether
 * GetMobile's tokens die as those of VerifyMobile.
 */
export async function startAliyunDypns(options: AliyunDypnsOptions): Promise<AliyunDypnsSimulator> {
  const { clock, carrier, accessKeys, scheme, port } = options
  const gateway = new AliyunGateway({
    clock,
    accessKeys,
    temporaryKey: options.temporaryKey,
    actions: { GetMobile: '2017-05-25', VerifyMobile: '2017-05-25' },
  })
  let isUnknown = false

  /** Whose SIM a token stands for, or what is wrong with it. */
  const holder = (token: string, purpose: CarrierPurpose): CarrierGrant | string => {
    const found = carrier.find(token)
    if (found === undefined || found.about.purpose === 'univerify') return 'isv.TOKEN_INVALID'
    if (found.about.app !== scheme) return 'isv.INVALID_APP'
    if (found.about.purpose !== purpose) return 'isv.TOKEN_UNAUTHORIZED_USED'
    return found.state === 'live' ? found.about : 'isv.TOKEN_INVALID'
  }

  const getMobile = (query: URLSearchParams, refused: string | undefined): Outcome => {
    const token = query.get('AccessToken') ?? ''
    if (token === '') return 'isv.INVALID_PARAMETERS'
    const grant = holder(token, 'aliyun_one_tap')
    if (typeof grant === 'string') return grant
    if (refused !== undefined) return refused
    carrier.use(token)
    return { GetMobileResultDTO: { Mobile: grant.phone } }
  }

  const verifyMobile = (query: URLSearchParams, refused: string | undefined): Outcome => {
    const [code, phone] = [query.get('AccessCode') ?? '', query.get('PhoneNumber') ?? '']
    if (code === '' || phone === '') return 'isv.INVALID_PARAMETERS'
    if (!/^1[3-9]\d{9}$/.test(phone)) return 'isv.MOBILE_NUMBER_ILLEGAL'
    const grant = holder(code, 'aliyun_check')
    if (typeof grant === 'string') return grant
    if (refused !== undefined) return refused
    carrier.use(code)
    if (carrierOf(phone) !== grant.carrier) return 'isv.PARAMETERS_MISMATCH'
    const VerifyResult = isUnknown ? 'UNKNOWN' : phone === grant.phone ? 'PASS' : 'REJECT'
    return { GateVerifyResultDTO: { VerifyResult, VerifyId: derived(32, 'verify', code) } }
  }

  const simulator = await startSimulator({
    clock,
    port,
    handle(request, refuse) {
      const stopped = gateway.check(request, refuse?.code)
      if (stopped !== undefined) return stopped
      const act = request.headers['x-acs-action'] === 'GetMobile' ? getMobile : verifyMobile
      const outcome = act(new URLSearchParams(request.rawQuery), refuse?.code)
      if (typeof outcome !== 'string') return gateway.answer({ Code: 'OK', Message: 'OK', ...outcome })
      const Message = (outcome === refuse?.code ? refuse.message : undefined) ?? `refused: ${outcome}`
      return gateway.answer({ Code: outcome, Message })
    },
  })
  return Object.assign(simulator, {
    setUnknown(wanted: boolean) {
      isUnknown = wanted
    },
  })
}
