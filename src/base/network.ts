import { isIP } from 'node:net'

/** How wide a network is: a single address of IPv4 or a /64 of IPv6, or one of the wider ones around it. */
export type NetworkWidth = 'address' | 'ipv4_24' | 'ipv6_56' | 'ipv6_48'

/** A network that requests come from, by a name that is the same however the address was spelled. */
export interface Network {
  readonly name: string
  readonly width: NetworkWidth
}

/**
 * The networks around an address, the narrowest first: /32 and /24, or /64, /56 and /48. A machine or a household holds
 * a whole /64, a home line usually a /56, and who rents addresses easily a /24 or a /48. SECURITY: whoever counted
 * single IPv6 addresses would give everybody 2^64 times the limit, and whoever counted only /64s 256 times.
 */
export function networksOf(ip: string): readonly Network[] {
  const bytes = bytesOf(ip)
  // SECURITY: all unreadable addresses share one name, so that no spelling avoids a limit.
  if (bytes === undefined) return [{ name: 'unknown', width: 'address' }]
  if (bytes.length === 4) {
    return [
      { name: bytes.join('.'), width: 'address' },
      { name: `${bytes.slice(0, 3).join('.')}.0/24`, width: 'ipv4_24' },
    ]
  }
  return [
    { name: prefix(bytes, 8), width: 'address' },
    { name: `${prefix(bytes, 7)}/56`, width: 'ipv6_56' },
    { name: `${prefix(bytes, 6)}/48`, width: 'ipv6_48' },
  ]
}

/** Four groups of an IPv6 address of which only the first bytes count. */
function prefix(bytes: readonly number[], count: number): string {
  const kept = bytes.slice(0, 8).map((byte, index) => (index < count ? byte : 0))
  return [0, 2, 4, 6].map((at) => groupAt(kept, at).toString(16)).join(':')
}

const groupAt = (bytes: readonly number[], at: number) => (bytes[at] as number) * 256 + (bytes[at + 1] as number)

/** Four bytes, or sixteen; undefined for what is no address. */
function bytesOf(ip: string): readonly number[] | undefined {
  const plain = ip.split('%')[0] as string
  const version = isIP(plain)
  if (version === 0) return undefined
  if (version === 4) return plain.split('.').map(Number)
  const bytes = ipv6Bytes(plain)
  return ipv4Within(bytes) ?? bytes
}

function ipv6Bytes(ip: string): readonly number[] {
  const [before = [], after = []] = ip.split('::').map(groupsOf)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255])
}

/** The groups on one side of the `::`; the last two may be written as an IPv4 address. */
function groupsOf(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const bytes = group.split('.').map(Number)
    return [groupAt(bytes, 0), groupAt(bytes, 2)]
  })
}

/**
 * The IPv4 address that an IPv6 address stands for: mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96), 6to4 (2002::/16),
 * Teredo (2001::/32). SECURITY: otherwise one person would have the budgets of two.
 */
function ipv4Within(bytes: readonly number[]): readonly number[] | undefined {
  const startsWith = (...start: readonly number[]) => start.every((byte, index) => bytes[index] === byte)
  const zeros = (count: number) => Array.from({ length: count }, () => 0)
  if (startsWith(...zeros(10), 255, 255) || startsWith(0, 0x64, 0xff, 0x9b, ...zeros(8))) return bytes.slice(12)
  if (startsWith(0x20, 0x02)) return bytes.slice(2, 6)
  if (startsWith(0x20, 0x01, 0, 0)) return bytes.slice(12).map((byte) => byte ^ 255)
  return undefined
}

/** True for a name or address that only this machine answers to. */
export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}
