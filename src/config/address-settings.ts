import { isIP } from 'node:net'
import { z } from 'zod'

/** `server.trusted_proxies`. In the sandbox no proxy is the default; everywhere else it has to be set. */
export function trustedProxies(sandbox: boolean) {
  const list = z
    .array(z.string().refine(isNetwork, 'expected an address, or a network such as 10.0.0.0/8 that is no wider'))
    .min(1, 'names no proxy; say none')
  const value = z.union([list, z.literal('none')])
  return (sandbox ? value.default('none') : value.optional()).describe(
    'Proxies that may say who the visitor is (`X-Forwarded-For`): addresses or networks; `none` when visitors ' +
      'connect directly.',
  )
}

/** `https://host` or `http://localhost:port` and nothing behind it. */
export function isOrigin(text: string): boolean {
  const parsed = URL.parse(text)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return false
  return parsed.href === `${parsed.origin}/` && !/[?#]/.test(text)
}

/**
 * SECURITY: nothing wider than the widest private networks: who trusts every address lets every visitor choose their
 * own.
 */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  const [least, most] = version === 4 ? [8, 32] : [7, 128]
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= least && Number(bits) <= most)
}

/** `host:port`, or `off`. */
export function isMetricsAddress(text: string): boolean {
  const match = /^(?:\[[0-9a-f:.]+\]|[\w.-]+):(\d{1,5})$/i.exec(text)
  return text === 'off' || (match !== null && Number(match[1]) <= 65_535)
}
