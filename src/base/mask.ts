import { isIP } from 'node:net'
import { callingCode, nationalNumber, type PhoneNumber } from './phone.ts'

/** `138****8000`: enough for its owner to recognise, too little for anybody else. */
export function maskPhone(phone: PhoneNumber): string {
  const national = nationalNumber(phone)
  const masked = `${national.slice(0, 3)}****${national.slice(-4)}`
  return callingCode(phone) === '86' ? masked : `+${callingCode(phone)} ${masked}`
}

/** `li***@example.com`: the domain, and never the whole of the name before it. */
export function maskEmail(address: string): string {
  const at = address.lastIndexOf('@')
  return `${address.slice(0, Math.min(2, at - 1) || 1)}***${address.slice(at)}`
}

/** `门***`: the first character of a nickname or user name. */
export function maskName(name: string): string {
  return `${[...name][0]}***`
}

/**
 * What its owner recognises an identity by: numbers, addresses and the subjects of upstreams masked, a user name whole.
 * The namespace of an upstream's subject (`unionid:`) is left out unless it is asked for.
 */
export function maskSubject(
  provider: string,
  subject: string,
  { withNamespace = false }: { readonly withNamespace?: boolean } = {},
): string {
  if (provider === 'phone') return maskPhone(subject as PhoneNumber)
  if (provider === 'email') return maskEmail(subject)
  if (provider === 'username') return subject
  const start = subject.lastIndexOf(':') + 1
  const bare = subject.slice(start)
  const masked = bare.length < 8 ? `****${bare.slice(-2)}` : `${bare.slice(0, 2)}****${bare.slice(-4)}`
  return withNamespace ? `${subject.slice(0, start)}${masked}` : masked
}

/** Enough to recognise one's own network by: `203.0.113.*`, `2001:db8:1:*`. Undefined for what is no address. */
export function maskIp(ip: string | undefined): string | undefined {
  if (ip === undefined || isIP(ip) === 0) return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+)\.\d+$/i.exec(ip)?.[1]
  if (mapped !== undefined || isIP(ip) === 4) return `${mapped ?? ip.slice(0, ip.lastIndexOf('.'))}.*`
  const [before = ''] = ip.split('::')
  return `${before.split(':').slice(0, 3).join(':')}:*`
}

/**
 * The same for programs that read the log, an address itself: `203.0.113.0` (/24), `2001:db8:1::` (/48); `unknown` for
 * what is none.
 */
export function maskIpInLog(ip: string): string {
  const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '')
  if (isIP(plain) === 4) return plain.replace(/\d+$/, '0')
  if (isIP(plain) === 0) return 'unknown'
  const [head = ''] = plain.split('::')
  const groups = [...head.split(':').filter(Boolean), '0', '0', '0']
  return `${groups.slice(0, 3).join(':')}::`
}
