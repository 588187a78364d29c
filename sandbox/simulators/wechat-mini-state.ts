import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import { derived, Issued } from './issued.ts'
import { MessageCounter } from './simulator.ts'
import { encryptedData, rawDataSignature } from './wechat-encrypted.ts'
import type { WechatPerson, WechatState } from './wechat-state.ts'

/** Who did something in which mini program. */
export interface MiniProgramUse {
  readonly appid: string
  readonly person: string
}

/** How often an appid got a stable token, by mode. */
export interface StableTokenCalls {
  readonly normal: number
  readonly forced: number
}

/** What stands on data about a phone instead of the truth. */
export interface WatermarkBent {
  readonly appid?: string
  readonly ageSeconds?: number
}

/** What a mini program hands to its server. */
export interface EncryptedData {
  readonly encryptedData: string
  readonly iv: string
}

const codeSeconds = 300
const tokenSeconds = 7200
const renewalSeconds = 300
const forcedAtMost = { max: 20, seconds: 86_400 }
const forcedOnce = { max: 1, seconds: 30 }
/** Stores must have room for tokens this long, so a stable token repeats its id until it is this long. */
const tokenRepeats = 16

/** What WeChat keeps for mini programs: session keys, phone codes, stable tokens. */
export class MiniPrograms {
  /** Whether a country code is written as in the sample or as in the table of the document. */
  countryCodeAs: 'number' | 'string' = 'number'
  /** Whether jscode2session says `errcode` 0 when all is well. */
  hasErrcodeZero = false
  watermarkBent: WatermarkBent = {}
  readonly phoneCodes: Issued<MiniProgramUse>
  readonly #clock: Clock
  readonly #wechat: WechatState
  readonly #sessionKeys = new Map<string, string>()
  readonly #tokens: Issued<{ readonly appid: string }>
  readonly #latest = new Map<string, string>()
  readonly #calls = new Map<string, StableTokenCalls>()
  readonly #forced = new MessageCounter()
  #serial = 0

  constructor(wechat: WechatState, clock: Clock) {
    this.#clock = clock
    this.#wechat = wechat
    this.phoneCodes = new Issued({ clock, kind: 'wechat phone code', ttlSeconds: codeSeconds })
    this.#tokens = new Issued({ clock, kind: 'wechat stable token', ttlSeconds: tokenSeconds })
  }

  /** A new session key, as every wx.login makes one: what was encrypted before cannot be read with it. */
  startSession({ appid, person }: MiniProgramUse): string {
    this.#serial += 1
    const sessionKey = base64(16, 'wechat session', appid, person, String(this.#serial), String(this.#clock()))
    this.#sessionKeys.set(`${appid} ${person}`, sessionKey)
    return sessionKey
  }

  /** It throws before the first wx.login. */
  sessionKey({ appid, person }: MiniProgramUse): string {
    const sessionKey = this.#sessionKeys.get(`${appid} ${person}`)
    if (sessionKey === undefined) throw new Error(`${person} has not logged in to ${appid}`)
    return sessionKey
  }

  /** The session key of whoever has this openid there. */
  sessionKeyOf(appid: string, openid: string): string | undefined {
    const person = this.#wechat.people.find(({ id }) => this.#wechat.openid({ person: id, appid }) === openid)
    return this.#sessionKeys.get(`${appid} ${person?.id}`)
  }

  /** It throws for a person without a phone. */
  phoneInfo({ appid, person }: MiniProgramUse, countryCodeAs = this.countryCodeAs) {
    const { phone } = this.#wechat.person(person)
    if (phone === undefined) throw new Error(`${person} has no phone`)
    const { countryCode, number } = phone
    return {
      phoneNumber: countryCode === '86' ? number : `${countryCode}${number}`,
      purePhoneNumber: number,
      countryCode: countryCodeAs === 'number' ? Number(countryCode) : countryCode,
      watermark: this.#watermark(appid),
    }
  }

  encryptedPhone(use: MiniProgramUse): EncryptedData {
    return this.#encrypt(use, this.phoneInfo(use, 'string'))
  }

  encryptedProfile(use: MiniProgramUse): EncryptedData & { readonly rawData: string; readonly signature: string } {
    const { name: nickName, avatar: avatarUrl = '' }: WechatPerson = this.#wechat.person(use.person)
    const profile = { nickName, gender: 0, language: 'zh_CN', city: '', province: '', country: '', avatarUrl }
    const [openId, unionId] = [this.#wechat.openid(use), this.#wechat.unionid(use)]
    const rawData = JSON.stringify(profile)
    return {
      rawData,
      signature: rawDataSignature(rawData, this.sessionKey(use)),
      ...this.#encrypt(use, { openId, ...profile, unionId, watermark: this.#watermark(use.appid) }),
    }
  }

  /** A token and the seconds it has left, or the errcode of the limit that forcing one more would break. */
  stableToken(
    appid: string,
    isForced: boolean,
  ): number | { readonly access_token: string; readonly expires_in: number } {
    const now = this.#clock()
    if (isForced && this.#forced.isFull(appid, forcedAtMost, now)) return 45009
    if (isForced && this.#forced.isFull(appid, forcedOnce, now)) return 45011
    const { normal, forced } = this.calls(appid)
    this.#calls.set(appid, isForced ? { normal, forced: forced + 1 } : { normal: normal + 1, forced })
    if (isForced) {
      this.#forced.count(appid, now)
      this.#tokens.useAll((about) => about.appid === appid)
    }
    const latest = this.#latest.get(appid) ?? ''
    const found = this.#tokens.find(latest)
    if (found?.state === 'live' && found.secondsLeft > renewalSeconds) {
      return { access_token: latest.repeat(tokenRepeats), expires_in: found.secondsLeft }
    }
    const id = this.#tokens.issue({ appid })
    this.#latest.set(appid, id)
    return { access_token: id.repeat(tokenRepeats), expires_in: tokenSeconds }
  }

  calls(appid: string): StableTokenCalls {
    return this.#calls.get(appid) ?? { normal: 0, forced: 0 }
  }

  /** Whose token it is, or the errcode of what is wrong with it. A forced renewal ends the earlier ones. */
  holderOf(token: string): number | string {
    const id = token.slice(0, token.length / tokenRepeats)
    const found = id.repeat(tokenRepeats) === token ? this.#tokens.find(id) : undefined
    if (found === undefined || found.state === 'used') return 40001
    return found.state === 'expired' ? 42001 : found.about.appid
  }

  #watermark(appid: string): { readonly timestamp: number; readonly appid: string } {
    const { appid: bentAppid = appid, ageSeconds = 0 } = this.watermarkBent
    return { timestamp: epochSeconds(this.#clock) - ageSeconds, appid: bentAppid }
  }

  #encrypt(use: MiniProgramUse, content: object): EncryptedData {
    this.#serial += 1
    const iv = base64(16, 'wechat iv', use.appid, use.person, String(this.#serial), String(this.#clock()))
    return { encryptedData: encryptedData(JSON.stringify(content), { sessionKey: this.sessionKey(use), iv }), iv }
  }
}

function base64(bytes: number, ...words: readonly string[]): string {
  return Buffer.from(derived(2 * bytes, ...words), 'hex').toString('base64')
}
