import { isIP } from 'node:net'

/**
 * The one spelling of an IP address as proxies write it: alone, with a port (`203.0.113.9:51234`, `[2001:db8::1]:443`),
 * in brackets or quotes, with a zone, or as IPv4 inside IPv6. Undefined for whatever is none (`unknown`, a name).
 */
export function addressOf(text: string): string | undefined {
  const bare = text.trim().replace(/^"(.*)"$/, '$1')
  const [, bracketed] = /^\[([^\]]{1,64})\](?::\d{1,5})?$/.exec(bare) ?? []
  const [, dotted] = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(bare) ?? []
  const [address = ''] = (bracketed ?? dotted ?? bare).split('%')
  if (isIP(address) !== 6) return isIP(address) === 4 && bracketed === undefined ? address : undefined
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? []
  return high === undefined || low === undefined ? canonical : dottedOf(high, low)
}

function dottedOf(high: string, low: string): string {
  const groups = [high, low].map((group) => Number.parseInt(group, 16))
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.')
}
