import { createHash } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { AliyunGateway } from './aliyun-gateway.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import { type Simulator, startSimulator } from './simulator.ts'

/** Which account the simulator knows. */
export interface AliyunDytnsOptions {
  readonly clock: Clock
  /** AccessKeyId → secret. */
  readonly accessKeys: Readonly<Record<string, string>>
  /** What is known of a temporary key. */
  readonly temporaryKey?: (id: string) => IssuedKey | undefined
  /** The authorisation code of this account's tag. */
  readonly authCode: string
  readonly port?: number
}

interface Fate {
  readonly kind: 'given' | 'gone' | 'hidden'
  /** When it was given to somebody else, in milliseconds since the epoch. */
  readonly at?: number
}

/** The simulator, and what the carriers have done with a number. */
export interface AliyunDytnsSimulator extends Simulator {
  /** The number was given up and given to somebody else then. Of several times the last one counts. */
  giveAgain(mobile: string, at: Date): void
  /** The number was given up, and nobody has it now. */
  giveUp(mobile: string): void
  /** The carriers cannot say anything of this number. */
  hide(mobile: string): void
  /** What they say of every number of which nothing else was said; without this call: that its owner still has it. */
  usually(fate: 'same' | Fate['kind']): void
  /** How often somebody was charged. */
  charged(): number
}

const action = 'DescribePhoneTwiceTelVerify'
const perSecond = 100
const lengths = { NORMAL: 11, MD5: 32, SHA256: 64 } as const
const hashes = { MD5: 'md5', SHA256: 'sha256' } as const
const carriers = [
  [/^1(3[0-2]|5[56]|66|7[56]|8[56]|96)/, 'CUCC'],
  [/^1(33|53|7[37]|8[019]|9[0139])/, 'CTCC'],
] as const
/** Numbers of China Broadnet and of virtual operators, of whom the service knows nothing. */
const unsupported = /^1(92|6[257]|7[01])/

/**
 * Plays Aliyun's check for numbers that were given out again: DescribePhoneTwiceTelVerify of dytnsapi 2020-02-17.
 * Parameters are read from the query, where the SDK puts them. The zone of StartTime is not documented by the vendor
 * (Beijing here), nor the codes for a wrong AuthCode, mask or time (isv.INVALID_PARAMETERS here). A hash is compared
 * with those of numbers that this simulator was told of; any other is of a number that nobody has given up.
 */
export async function startAliyunDytns(options: AliyunDytnsOptions): Promise<AliyunDytnsSimulator> {
  const { clock, accessKeys, temporaryKey, authCode, port } = options
  const gateway = new AliyunGateway({ clock, accessKeys, temporaryKey, actions: { [action]: '2020-02-17' } })
  const fates = new Map<string, Fate>()
  let usual: Fate | undefined
  let asked: number[] = []
  let charges = 0

  const judge = (query: URLSearchParams): string | Readonly<Record<string, unknown>> => {
    const given = (name: string) => query.get(name) ?? ''
    const [mask, input] = [given('Mask'), given('InputNumber')]
    if (given('AuthCode') !== authCode || !isMask(mask)) return 'isv.INVALID_PARAMETERS'
    const shape = mask === 'NORMAL' ? /^1[3-9]\d{9}$/ : /^[0-9a-f]+$/i
    if (input.length !== lengths[mask] || !shape.test(input)) return 'isv.MOBILE_NUMBER_ILLEGAL'
    const since = startTime(given('StartTime'))
    if (since === undefined) return 'isv.INVALID_PARAMETERS'
    asked = [...asked, clock()].filter((each) => each > clock() - 1000)
    if (asked.length > perSecond) return 'RequestFrequencyLimit'
    const [mobile = '', fate] = find(mask, input) ?? (mask === 'NORMAL' ? [input] : [])
    if (unsupported.test(mobile)) return 'RequestNumberNotSupported'
    const VerifyResult = verdict(fate ?? usual, since)
    if (VerifyResult !== '0') charges += 1
    return { Data: { VerifyResult, Carrier: carriers.find(([numbers]) => numbers.test(mobile))?.[1] ?? 'CMCC' } }
  }

  const find = (mask: keyof typeof lengths, input: string) =>
    [...fates].find(([mobile]) => (mask === 'NORMAL' ? mobile : hash(hashes[mask], mobile)) === input.toLowerCase())

  const simulator = await startSimulator({
    clock,
    port,
    handle(request, refuse) {
      const stopped = gateway.check(request)
      if (stopped !== undefined) return stopped
      const outcome = refuse?.code ?? judge(new URLSearchParams(request.rawQuery))
      if (typeof outcome !== 'string') return gateway.answer({ Code: 'OK', Message: 'OK', ...outcome })
      return gateway.answer({ Code: outcome, Message: refuse?.message ?? `refused: ${outcome}` })
    },
  })
  return Object.assign(simulator, {
    giveAgain: (mobile: string, at: Date) => void fates.set(mobile, { kind: 'given', at: at.getTime() }),
    giveUp: (mobile: string) => void fates.set(mobile, { kind: 'gone' }),
    hide: (mobile: string) => void fates.set(mobile, { kind: 'hidden' }),
    usually(kind: 'same' | Fate['kind']) {
      // Given to somebody else after whatever moment is asked about.
      usual = kind === 'same' ? undefined : { kind, at: Number.POSITIVE_INFINITY }
    },
    charged: () => charges,
  })
}

/** 0: nobody knows; 1: given to somebody else since then; 2: not; 3: given up. */
function verdict(fate: Fate | undefined, since: number): '0' | '1' | '2' | '3' {
  if (fate?.kind === 'hidden') return '0'
  if (fate?.kind === 'gone') return '3'
  return since < (fate?.at ?? 0) ? '1' : '2'
}

function isMask(text: string): text is keyof typeof lengths {
  return Object.hasOwn(lengths, text)
}

/** `yyyy-MM-dd HH:mm:ss`, after 1970-01-01, as milliseconds since the epoch. */
function startTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text)) return undefined
  const at = Date.parse(`${text.replace(' ', 'T')}+08:00`)
  return at > 0 ? at : undefined
}

function hash(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex')
}
