import { isPasswordCut, specialCharacters } from '../base/password-in-address.ts'
import { hostNamed } from './named-host.ts'

/** One of the hosts that an address of PostgreSQL names. */
export interface DatabaseHost {
  /** As it stands in the address, for messages. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** The address with this host alone. */
  readonly url: string
}

// The last @ before the path ends the password, as it does for URLs.
const shape = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^@/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/
const defaultPort = 5432
const session = 'target_session_attrs'
const encode = `percent-encode ${specialCharacters}`

/**
 * The hosts of an address, in its order. Empty where there is nothing to choose from: one host, or a socket named by
 * the parameter `host`.
 */
export function hostsOf(url: string): readonly DatabaseHost[] {
  const parts = partsOf(url)
  if (!parts || parts.names.length < 2) return []
  return parts.names.flatMap((name) => {
    const own = hostNamed(name, defaultPort)
    return own === undefined ? [] : [{ name, ...own, url: parts.urlOf(name) }]
  })
}

/** The address for a driver that knows one host, and not what we ask of a host anyway. */
export function plainUrl(url: string): string {
  const parts = partsOf(url)
  return parts ? parts.urlOf(parts.names[0] ?? '') : url
}

/** Why this is no address of a database, in words that quote nothing of it; undefined when it is one. */
export function addressProblem(url: string): string | undefined {
  if (!/^postgres(ql)?:\/\//.test(url)) return 'expected a postgres:// address'
  const parts = partsOf(url)
  const isWhole = !isPasswordCut(url) && isOneName(url)
  if (!isWhole || !parts?.names.every(isHost) || !isReadable(plainUrl(url))) return `cannot be read: ${encode}`
  if (parts.parameters.get('host')?.includes(','))
    return 'has several hosts in its parameter host: name them before the database, host1:5432,host2:5432'
  const wanted = parts.parameters.get(session)
  if (wanted !== null && wanted !== 'read-write' && wanted !== 'primary')
    return `asks for a host that this server cannot use: ${session} is read-write, or absent, which is the same`
  return undefined
}

/**
 * Whether the driver reads it as it was meant. It encodes an address that is not encoded, and decodes any other one; of
 * one that is half of each it would make another password.
 */
function isReadable(url: string): boolean {
  const { username, password, pathname } = URL.parse(url) ?? {}
  if (/ |%[^a-f0-9]|%[a-f0-9][^a-f0-9]/i.test(url)) return password !== undefined && !/%[a-f0-9]{2}/i.test(url)
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part ?? '%')
    return true
  } catch {
    return false
  }
}

/** Whether what is asked for is one name: no database has a slash in it. */
function isOneName(url: string): boolean {
  const [before = ''] = url.split('?')
  return before.split('/').length <= 4
}

function isHost(name: string): boolean {
  return hostNamed(name, defaultPort) !== undefined
}

function partsOf(url: string) {
  const [, before = '', names = '', path = '', query = ''] = shape.exec(url) ?? []
  if (before === '') return undefined
  const parameters = new URLSearchParams(query)
  const others = query.split('&').filter((one) => one !== '' && !one.startsWith(`${session}=`))
  const after = `${path}${others.length > 0 ? `?${others.join('&')}` : ''}`
  return {
    names: names.split(','),
    parameters,
    urlOf: (name: string) => `${before}${name}${after}`,
  }
}
