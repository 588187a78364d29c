import { isPasswordCut, specialCharacters } from '../base/password-in-address.ts'
import { hostNamed } from './named-host.ts'

/** What an address of Redis says. */
export interface RedisAddress {
  /** `node`: one Redis; `cluster`: several nodes of one; `sentinel`: those who know which Redis takes writes. */
  readonly kind: 'node' | 'cluster' | 'sentinel'
  /** Of `sentinel` the Sentinels, otherwise the nodes. */
  readonly hosts: readonly RedisHost[]
  readonly isTls: boolean
  /** Of the nodes, not of the Sentinels. */
  readonly username?: string
  readonly password?: string
  /** Of IP, where the address chooses one. */
  readonly family?: number
  /** 0 in a cluster, which has no other. */
  readonly database: number
  /** What the Sentinels call the Redis that is meant; empty for the other kinds. */
  readonly master: string
}

/** Where one node or Sentinel listens. */
export interface RedisHost {
  readonly host: string
  readonly port: number
}

const example = 'redis+sentinel://host1:26379,host2:26379,host3:26379/name'
const scheme = /^(rediss?)(\+sentinel)?:\/\//
const notNumbered = 'does not name its database by a number'
const knownQuery = /^(?:\?(?:family=([046]))?)?$/
const nodePort = 6379
const sentinelPort = 26_379

/** Reads an address in which `redisAddressProblem` has found no fault. */
export function redisAddressOf(text: string): RedisAddress {
  const parts = partsOf(text)
  const [first] = parts
  if (first === undefined) throw new Error('this is no address of Redis')
  const { isTls, isSentinel, username, password, path, query } = first
  const family = knownQuery.exec(query)?.[1]
  const isCluster = parts.length > 1
  const [master = '', database = '0'] = isSentinel ? path : ['', isCluster ? '0' : path[0] || '0']
  return {
    kind: isSentinel ? 'sentinel' : isCluster ? 'cluster' : 'node',
    hosts: parts.flatMap(({ hosts }) => hosts.flatMap((name) => hostNamed(name, portOf(first)) ?? [])),
    isTls,
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(family === undefined ? {} : { family: Number(family) }),
    database: Number(database),
    master: decodeURIComponent(master),
  }
}

/** Why this is no address of Redis, in words that quote nothing of it; undefined when it is one. */
export function redisAddressProblem(text: string): string | undefined {
  const parts = partsOf(text)
  const [first] = parts
  if (first === undefined) return `expected redis:// or rediss:// addresses, or ${example}`
  if (parts.some((part) => part.isCut || !part.hosts.every((name) => hostNamed(name, portOf(part)))))
    return `cannot be read: percent-encode ${specialCharacters}, and , as %2C`
  if (!parts.every(({ query }) => knownQuery.test(query))) return 'has a parameter that is not known here'
  if (parts.some(({ isSentinel }) => isSentinel)) return sentinelProblem(parts)
  if (parts.some(({ hosts }) => hosts.length > 1))
    return 'names several hosts in one address: the nodes of a cluster are redis://host1:6379,redis://host2:6379'
  if (parts.some(({ isTls }) => isTls !== first.isTls)) return 'has redis:// and rediss:// for nodes of one cluster'
  return isNumber(first.path[0]) ? undefined : notNumbered
}

function sentinelProblem([first, ...others]: readonly Part[]): string | undefined {
  const [master, database, ...rest] = first?.path ?? []
  if (others.length > 0 || !master || rest.length > 0)
    return `names Sentinels in another way than ${example}, where name is what they call the master`
  return isNumber(database) ? undefined : notNumbered
}

function isNumber(text: string | undefined): boolean {
  return /^\d*$/.test(text ?? '')
}

function portOf({ isSentinel }: Pick<Part, 'isSentinel'>): number {
  return isSentinel ? sentinelPort : nodePort
}

interface Part {
  readonly isTls: boolean
  readonly isSentinel: boolean
  readonly username: string
  readonly password: string
  readonly hosts: readonly string[]
  readonly path: readonly string[]
  /** With its question mark. */
  readonly query: string
  /** Something unescaped in a password has ended the address of the host early. */
  readonly isCut: boolean
}

/** Empty when one of the addresses begins with no scheme of Redis. */
function partsOf(text: string): readonly Part[] {
  const texts = text.trim().split(/\s*,\s*(?=[a-z][a-z+]*:\/\/)/)
  const parts = texts.map(partOf)
  return parts.every((part) => part !== undefined) ? parts : []
}

function partOf(text: string): Part | undefined {
  const [begin, secured, sentinel] = scheme.exec(text) ?? []
  if (begin === undefined) return undefined
  const [, authority = '', rest = ''] = /^([^/?#]*)(.*)$/s.exec(text.slice(begin.length)) ?? []
  const at = authority.lastIndexOf('@')
  const [, username = '', password = ''] = /^([^:]*):?(.*)$/s.exec(authority.slice(0, Math.max(at, 0))) ?? []
  const path = rest
    .replace(/[?#].*$/s, '')
    .split('/')
    .slice(1)
  return {
    isTls: secured === 'rediss',
    isSentinel: sentinel !== undefined,
    username,
    password,
    hosts: authority.slice(at + 1).split(','),
    path,
    query: /\?.*$/s.exec(rest)?.[0] ?? '',
    isCut:
      isPasswordCut(text) ||
      `${username}${password}`.includes(',') ||
      ![username, password, path.join('')].every(isDecodable),
  }
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
