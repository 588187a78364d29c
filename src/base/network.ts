import { isIPv6 } from 'node:net'

/**
 * What is counted as one place requests come from: an IPv4 address, or a /64 of IPv6, of which a household or a machine holds a
 * whole one. SECURITY: whoever counted single IPv6 addresses would give everybody 2^64 times the limit.
 */
export function networkOf(ip: string): string {
  if (!isIPv6(ip) || ip.includes('.')) return ip
  const [head = '', tail] = ip.split('%')[0]?.split('::') ?? []
  const groups = head === '' ? [] : head.split(':')
  const rest = tail ? tail.split(':') : []
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest]
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
