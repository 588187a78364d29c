import { type CountryClass, countryClassOf } from '../base/destination-names.ts'
import { isLoopback, networksOf } from '../base/network.ts'
import type { NetworkFactors } from '../ops/limits.ts'
import type { Act, NamedRule, Signal } from './rules.ts'

/** Who asks for what: all that a decision may look at. It is kept nowhere. */
export interface Wanted {
  readonly act: Act
  readonly ip: string
  /** Whether the browser or app has logged in to that very account before. */
  readonly isKnownDevice: boolean
  /** What the browser or app is called by, see `installationOf`; absent before its first login here. */
  readonly device?: string | undefined
  /** Whether the number or mailbox has an account. SECURITY: no rule looks at it, as its verdict would tell. */
  readonly hasAccount?: boolean
  readonly channel?: 'sms' | 'mail'
  /** The number or mailbox, as it is counted. */
  readonly to?: string
  /** Name that was typed to log in or to make an account. */
  readonly name?: string
  /** One of a million buckets that passwords fall into: enough to see that one is tried at many names. */
  readonly password?: string | undefined
  readonly clientId?: string | undefined
  /** Level of the challenge that was solved for this very request. */
  readonly proven?: number | undefined
}

/** What is counted, and how much more than a rule says it may. */
export interface Key {
  readonly text: string
  readonly factor: number
  /** What is counted once, however often it is asked for. */
  readonly once?: string | undefined
}

/** Numbers of operators that rent the net of others, as thieves and code sellers like them; most of them are people. */
const virtualOperators = /^\+861(62|65|67|70|71)/
const hourMs = 3_600_000
/** China has one time, and no summer time. */
const chinaHours = 8

/** Whether a number of the mainland is of an operator without a net of its own; undefined elsewhere. */
export function segmentOf(to: string | undefined): 'virtual' | 'ordinary' | undefined {
  if (!to?.startsWith('+86')) return undefined
  return virtualOperators.test(to) ? 'virtual' : 'ordinary'
}

/** The part of the world a number is of; undefined for a mailbox. */
export function countryOf(to: string | undefined): CountryClass | undefined {
  return to?.startsWith('+') ? countryClassOf(to.slice(1)) : undefined
}

/** What a request is counted under by a signal; empty when it has none of it. */
export function keysOf(
  by: Signal,
  { ip, to, name, password, clientId, device }: Wanted,
  { factors, isFreeHere }: { readonly factors: NetworkFactors; readonly isFreeHere: boolean },
): readonly Key[] {
  const one = (text: string | undefined): readonly Key[] => (text === undefined ? [] : [{ text, factor: 1 }])
  // Whoever develops or tests an app sends one number after the other, and enters few codes.
  if (isFreeHere && isLoopback(ip)) return []
  const number = to?.startsWith('+') ? to : undefined
  switch (by) {
    case 'all':
      return one('')
    case 'number':
      return one(to)
    case 'block':
      return one(number?.slice(0, -2))
    case 'prefix':
      return one(number?.slice(0, -4))
    case 'segment':
      return one(segmentOf(to))
    case 'country':
      return one(countryOf(to))
    case 'domain':
      return one(number === undefined ? to?.split('@')[1] : undefined)
    case 'client':
      return one(clientId)
    case 'name':
      return one(name)
    case 'password':
      return one(password)
    case 'device':
      return one(device).map((key) => ({ ...key, once: to ?? name }))
    case 'network':
      return networksOf(ip).map((each) => ({
        text: each.name,
        factor: each.width === 'address' ? 1 : factors[each.width],
      }))
  }
}

/** Whether a rule is about such a request at this moment, whatever was counted. */
export function isAbout(rule: NamedRule, { to }: Wanted, nowMs: number): boolean {
  const { segment, country, hours } = rule
  if (segment !== undefined && segmentOf(to) !== segment) return false
  const own = countryOf(to)
  if (country !== undefined && (own === undefined || !country.includes(own))) return false
  const hour = Math.floor(nowMs / hourMs + chinaHours) % 24
  return hours === undefined || isWithin(hour, hours)
}

/** `from: 22, to: 4` goes over midnight. */
function isWithin(hour: number, { from, to }: NonNullable<NamedRule['hours']>): boolean {
  return from < to ? hour >= from && hour < to : hour >= from || hour < to
}
