import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'
import { addressOf } from '../base/address.ts'
import { maskIpInLog } from '../base/mask.ts'
import type { Log } from '../ops/log.ts'

/**
 * Addresses of proxies that may name the visitor. `none`: visitors connect directly. Undefined: the operator did not
 * say.
 */
export type TrustedProxies = readonly string[] | 'none' | undefined

interface Dependencies {
  readonly issuer: string
  readonly trustedProxies: TrustedProxies
  readonly log: Pick<Log, 'warn'>
}

/** Who is at the other end of a connection. */
interface Peer {
  readonly address: string
  /** Whether it may name the visitor. */
  readonly isTrusted: boolean
}

/** The headers in which proxies name the visitor; only the first of them is ever believed. */
const forwarding = ['x-forwarded-for', 'forwarded', 'x-real-ip'] as const

/**
 * Removes from a request what strangers may claim about it. SECURITY: host and scheme are always those of the issuer,
 * so no header can change an address that we print, or whether cookies are secure. `X-Forwarded-For` counts only as far
 * as trusted proxies wrote it. `Forwarded` and `X-Real-IP` are never believed, because a proxy that does not know them
 * passes on what the visitor invented.
 */
export function requestOrigin({ issuer, trustedProxies, log }: Dependencies): (request: IncomingMessage) => void {
  const { host, protocol } = new URL(issuer)
  const isTrusted = trust(trustedProxies === 'none' ? [] : (trustedProxies ?? []))
  const warn = warnOnce(log)
  /** Looked at once for each connection, which serves many requests. */
  const peers = new WeakMap<Socket, Peer>()

  function peerOf(socket: Socket): Peer {
    const known = peers.get(socket)
    if (known) return known
    const address = addressOf(socket.remoteAddress ?? '') ?? ''
    const peer = { address, isTrusted: isTrusted(address) }
    peers.set(socket, peer)
    return peer
  }

  function addressFrom({ headers, socket }: IncomingMessage): string {
    const { address: peer, isTrusted: isProxy } = peerOf(socket)
    if (!isProxy) {
      const header = forwarding.find((name) => headers[name] !== undefined)
      if (header !== undefined) warn('untrusted', { peer, header })
      return peer
    }
    const { 'x-forwarded-for': forwarded } = headers
    if (typeof forwarded !== 'string') {
      const header = forwarding.find((name) => headers[name] !== undefined)
      if (header !== undefined) warn('unknown_header', { peer, header })
      return peer
    }
    let address = peer
    for (const claim of forwarded.split(',').reverse()) {
      if (!isTrusted(address)) break
      const claimed = addressOf(claim)
      if (claimed === undefined) {
        warn('unreadable', { peer: address, header: 'x-forwarded-for' })
        break
      }
      address = claimed
    }
    return address
  }

  return (request) => {
    const { headers } = request
    const address = addressFrom(request)
    headers.host = host
    headers['x-forwarded-host'] = undefined
    headers['x-forwarded-proto'] = protocol.slice(0, -1)
    headers['x-forwarded-for'] = address
  }
}

function trust(networks: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList()
  for (const entry of networks) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(bits), family)
  }
  return (address) => isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

const sentences = {
  untrusted:
    'a proxy that is not trusted names the visitor: if it is yours, add it to server.trusted_proxies, or all ' +
    'visitors share its limits',
  unknown_header: 'a trusted proxy names the visitor in a header that is not read: have it set X-Forwarded-For',
  unreadable: 'a trusted proxy names a visitor by what is no address: the visitor counts as the proxy',
} as const

/**
 * Writes one line of each kind while the process lives, because strangers can cause the first kind as often as they
 * like.
 */
function warnOnce(log: Pick<Log, 'warn'>) {
  const told = new Set<keyof typeof sentences>()
  return (what: keyof typeof sentences, { peer, header }: { readonly peer: string; readonly header: string }) => {
    if (told.has(what)) return
    told.add(what)
    log.warn({ peer: maskIpInLog(peer), header, setting: 'server.trusted_proxies' }, sentences[what])
  }
}
