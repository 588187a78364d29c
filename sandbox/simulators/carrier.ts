import type { Clock } from '../../src/base/clock.ts'
import { derived, type Found, Issued } from './issued.ts'

/** A carrier of mainland China. */
export type CarrierName = 'mobile' | 'unicom' | 'telecom'

/** Which vendor's SDK asked, and for what. */
export type CarrierPurpose = 'univerify' | 'aliyun_one_tap' | 'aliyun_check'

/** What a token stands for: the SIM the phone goes online with. */
export interface CarrierGrant {
  /** 11 digits. */
  readonly phone: string
  readonly carrier: CarrierName
  readonly purpose: CarrierPurpose
  /** The app as the vendor knows it: an appid of DCloud, a scheme of Aliyun. */
  readonly app: string
  /** It is set for univerify only. */
  readonly openid: string
}

/** How the tokens of a carrier behave. */
export interface CarrierOptions {
  readonly clock: Clock
  /** Whose tokens `issueUniverify` makes unless told otherwise. */
  readonly univerifyAppid: string
  /** Whose tokens the two `issueAliyun…` make unless told otherwise. */
  readonly aliyunScheme: string
}

const minutes: Readonly<Record<CarrierName, number>> = { mobile: 2, unicom: 30, telecom: 10 }
const digitOf: Readonly<Record<CarrierName, string>> = { mobile: '1', unicom: '2', telecom: '3' }

const ranges: Readonly<Record<CarrierName, RegExp>> = {
  mobile: /^1(34[0-8]|3[5-9]|47|5[0-2]|5[7-9]|65|70[356]|72|78|8[2-4]|8[78]|9[578])/,
  unicom: /^1(3[0-2]|45|5[56]|66|67|70[4789]|71|7[56]|8[56]|96)/,
  telecom: /^1(33|349|49|53|62|70[0-2]|73|740[0-5]|77|8[019]|9[0139])/,
}

/** The carrier of an 11-digit number by its range; undefined where none of the three has it. */
export function carrierOf(phone: string): CarrierName | undefined {
  if (!/^1\d{10}$/.test(phone)) return undefined
  return (['mobile', 'unicom', 'telecom'] as const).find((name) => ranges[name].test(phone))
}

/**
 * The gateways of the three carriers, which the vendors' SDKs ask over mobile data: a token tells whose SIM it was,
 * once and for a few minutes. Whether tokens for a login live as long as those for a check is not documented; they do
 * here.
 */
export class Carrier {
  readonly #options: CarrierOptions
  readonly #issued: Readonly<Record<CarrierName, Issued<CarrierGrant>>>

  constructor(options: CarrierOptions) {
    this.#options = options
    const issuedBy = (name: CarrierName) =>
      new Issued<CarrierGrant>({ clock: options.clock, kind: name, ttlSeconds: minutes[name] * 60 })
    this.#issued = { mobile: issuedBy('mobile'), unicom: issuedBy('unicom'), telecom: issuedBy('telecom') }
  }

  /**
   * What `uni.login` gives an app once the person has agreed; `phone` is 11 digits or E.164. Throws for a number of no
   * carrier.
   */
  issueUniverify(phone: string, app = this.#options.univerifyAppid): UniverifyGrant {
    const grant = this.#grant(phone, 'univerify', app)
    return { openid: grant.openid, access_token: this.#issue(grant) }
  }

  /** The token of Aliyun's one-click login, once the person has agreed. */
  issueAliyunToken(phone: string, scheme = this.#options.aliyunScheme): string {
    return this.#issue(this.#grant(phone, 'aliyun_one_tap', scheme))
  }

  /** The access code of Aliyun's check whether a number is the phone's own, for which nobody is asked. */
  issueAliyunAccessCode(phone: string, scheme = this.#options.aliyunScheme): string {
    return this.#issue(this.#grant(phone, 'aliyun_check', scheme))
  }

  /** What became of a token; undefined for one that was never issued as it is written. */
  find(token: string): Found<CarrierGrant> | undefined {
    const id = idOf(token)
    const found = Object.values(this.#issued).flatMap((issued) => issued.find(id) ?? [])[0]
    return found !== undefined && written(found.about, id) === token ? found : undefined
  }

  /** Ends a token's life. */
  use(token: string): void {
    for (const issued of Object.values(this.#issued)) issued.use(idOf(token))
  }

  #issue(grant: CarrierGrant): string {
    return written(grant, this.#issued[grant.carrier].issue(grant))
  }

  #grant(given: string, purpose: CarrierPurpose, app: string): CarrierGrant {
    const phone = given.replace(/^\+86/, '')
    const carrier = carrierOf(phone)
    if (carrier === undefined) throw new Error(`no carrier has ${given}`)
    const openid = derived(32, 'univerify', app, phone).toUpperCase() + derived(36, 'univerify device', app, phone)
    return { phone, carrier, purpose, app, openid }
  }
}

/** What an app sends to its server. */
export interface UniverifyGrant {
  readonly openid: string
  readonly access_token: string
}

/** The base64 an app gets to see; that of univerify ends in `==`. */
function written({ purpose, carrier }: CarrierGrant, id: string): string {
  const bytes = purpose === 'univerify' ? Buffer.from(`${id}||${digitOf[carrier]}|v2|2`) : Buffer.from(id, 'hex')
  return bytes.toString('base64')
}

function idOf(token: string): string {
  const bytes = Buffer.from(token, 'base64')
  return bytes.length === 16 ? bytes.toString('hex') : bytes.toString('latin1').slice(0, 32)
}
