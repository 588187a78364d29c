import type { Lots } from './lots.ts'

/** Who lives in the town: their phone numbers, and where they come from. */
export interface Town {
  readonly people: readonly Person[]
  /** Addresses that attackers send from; some of them are people's too. */
  readonly attackedFrom: readonly string[]
}

/** How somebody real comes to the login. */
export interface Person {
  readonly phone: string
  readonly ip: string
  /** Shares the address with many others, attackers among them. */
  readonly isBehindCarrier: boolean
  /** Whether there is an account. Who has none makes one by logging in. */
  readonly hasAccount: boolean
  /** Whether they come with a device that has logged in to it before. */
  readonly isKnown: boolean
  /** Whether they have a password, and go by it when no code comes. */
  readonly hasPassword: boolean
  /** Whether they come with an app, whose key is their device; others come with a browser. */
  readonly isInApp: boolean
  /** Minutes after the beginning. */
  readonly atMinute: number
}

/** A whole siege; `scale` takes a share of each. */
const whole = { numbers: 10_000, addresses: 2000, networks: 300, people: 500 } as const

/** Length of the attack in minutes. */
export const siegeMinutes = 60
/** Somebody who gets no code goes on for as long at most. */
export const patienceMinutes = 10

/** Mainland numbers of ordinary operators. */
const ordinary = ['130', '135', '136', '138', '139', '150', '158', '186', '188', '189']

/** A mainland number nobody has drawn yet. */
export function ordinaryNumber(lots: Lots, taken: Set<string>): string {
  for (;;) {
    const phone = `+86${lots.oneOf(ordinary)}${String(lots.below(1e8)).padStart(8, '0')}`
    if (taken.has(phone)) continue
    taken.add(phone)
    return phone
  }
}

/** How many of something there are at this scale, one at least. */
export function scaled(count: number, scale: number): number {
  return Math.max(1, Math.round(count * scale))
}

/**
 * People behind the gateways of carriers (two fifths), in offices, and at home, where machines of attackers stand in
 * the same networks. Half of them come with a device they have used before; of the others three fifths have an account.
 */
export function buildTown(lots: Lots, scale: number, taken: Set<string>): Town {
  const networks = networksOf(lots, scaled(whole.networks, scale))
  const carriers = networks.slice(0, scaled(6, scale)).filter(isIpv4)
  const offices = networks.filter(isIpv4).slice(-scaled(3, scale))
  const gateways = carriers.flatMap((network) => Array.from({ length: 5 }, () => addressIn(lots, network)))
  const lines = offices.map((network) => addressIn(lots, network))
  const others = Array.from({ length: scaled(whole.addresses, scale) - gateways.length - lines.length }, () =>
    addressIn(lots, lots.oneOf(networks)),
  )
  const people = Array.from({ length: scaled(whole.people, scale) }, (_, index): Person => {
    const [isKnown, turn] = [index % 2 === 0, (index >> 1) % 10]
    const place = turn < 4 ? 'carrier' : turn < 9 ? 'home' : 'office'
    return {
      phone: ordinaryNumber(lots, taken),
      ip: lots.oneOf(place === 'carrier' ? gateways : place === 'home' ? others : lines),
      isBehindCarrier: place === 'carrier',
      hasAccount: isKnown || lots.share() < 0.6,
      isKnown,
      hasPassword: index % 5 === 0,
      isInApp: (index >> 1) % 3 === 0,
      atMinute: lots.share() * siegeMinutes,
    }
  })
  return { people, attackedFrom: [...gateways, ...others] }
}

/** Two thirds are a /24 of IPv4, the rest a /48 of IPv6. */
function networksOf(lots: Lots, count: number): string[] {
  const found = new Set<string>()
  while (found.size < count) {
    const isOld = found.size % 3 < 2
    const [a, b] = [lots.below(256), lots.below(256)]
    found.add(isOld ? `${lots.oneOf([36, 58, 111, 117, 183, 223])}.${a}.${b}.` : `2409:8${hex(a)}:${hex(b)}:`)
  }
  return [...found]
}

function isIpv4(network: string): boolean {
  return !network.includes(':')
}

/** Of IPv6 one address in a /64 of its own. */
function addressIn(lots: Lots, network: string): string {
  if (isIpv4(network)) return `${network}${1 + lots.below(254)}`
  return `${network}${hex(lots.below(65_536))}::${hex(1 + lots.below(65_535))}`
}

function hex(value: number): string {
  return value.toString(16)
}
