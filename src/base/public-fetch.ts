import { type LookupAddress, lookup } from 'node:dns'
import { type IncomingMessage, request as requestInsecure } from 'node:http'
import { request } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** The bounds of asking an address that a stranger may have chosen. */
export interface PublicFetchOptions {
  /** From the call to the last byte. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Lets `http:` and addresses of private networks through; for vendors that are played on this machine. */
  readonly allowPrivate?: boolean
}

/** What is sent to such an address. */
export interface PublicPost extends PublicFetchOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const mostRedirects = 3

/** IPv4 networks that are nobody's on the Internet (IANA special-purpose registry). */
const special = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
]
/** Parts of 2000::/3 that are not: protocols, documentation, tunnels that carry any IPv4 address. */
const specialV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const closed = blockListOf([...special, ...specialV6])
const global = blockListOf(['2000::/3'])

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const each of networks) {
    const [network = '', bits] = each.split('/')
    list.addSubnet(network, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}

/** Whether an address is one of the Internet, and of no private or special network. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return !closed.check(address, 'ipv4')
  return version === 6 && global.check(address, 'ipv6') && !closed.check(address, 'ipv6')
}

/**
 * Fetches bytes from an address that a stranger may have chosen. SECURITY: https on its own port and public addresses
 * only, for each redirect anew; the address that was looked at is the one that is connected to, so that a name that
 * resolves differently a moment later gains nothing. Sends no cookie, no credential and no referrer. Throws an `Error`
 * without the query of the address.
 */
export async function fetchPublic(address: string, options: PublicFetchOptions): Promise<Buffer> {
  const signal = AbortSignal.timeout(options.timeoutMs)
  let url = allowed(address, options)
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const headers = { accept: 'image/jpeg, image/png' }
    const response = await answerOf(url, { ...options, signal, method: 'GET', headers })
    const { statusCode = 0, headers: answered } = response
    if (statusCode === 200) return bytesOf(response, options.maxBytes)
    response.destroy()
    if (statusCode < 300 || statusCode > 399 || !answered.location)
      throw new Error(`${url.host} answered ${statusCode}`)
    url = allowed(new URL(answered.location, url).href, options)
  }
  throw new Error(`${url.host} redirects too often`)
}

/**
 * Posts a text to an address that an operator has registered for somebody, on any port. SECURITY: https and public
 * addresses only, as in `fetchPublic`; no redirect is followed. Throws an `Error` without the query of the address.
 */
export async function postPublic(address: string, options: PublicPost): Promise<{ readonly status: number }> {
  const url = allowed(address, { ...options, anyPort: true })
  const signal = AbortSignal.timeout(options.timeoutMs)
  const response = await answerOf(url, { ...options, signal, method: 'POST' })
  // Nothing of the body is used; what is longer than it may be is not read to its end.
  await bytesOf(response, options.maxBytes)
  return { status: response.statusCode ?? 0 }
}

function allowed(
  address: string,
  { allowPrivate = false, anyPort = false }: Pick<PublicFetchOptions, 'allowPrivate'> & { readonly anyPort?: boolean },
): URL {
  const url = URL.parse(address)
  if (url === null) throw new Error('no address')
  if (url.username !== '' || url.password !== '') throw new Error('credentials in the address')
  if (allowPrivate && url.protocol === 'http:') return url
  if (url.protocol !== 'https:') throw new Error('no https address')
  if (allowPrivate) return url
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if ((url.port !== '' && !anyPort) || (isIP(host) !== 0 && !isPublicAddress(host)))
    throw new Error('no public address')
  return url
}

interface Asking extends Pick<PublicFetchOptions, 'allowPrivate'> {
  readonly signal: AbortSignal
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

function answerOf(url: URL, { signal, method, headers, body, allowPrivate = false }: Asking): Promise<IncomingMessage> {
  const ask = url.protocol === 'http:' ? requestInsecure : request
  const guard = allowPrivate ? {} : { lookup: publicOnly }
  return new Promise((resolve, reject) => {
    const asking = ask(
      url,
      { method, headers: { ...headers, 'user-agent': 'menshen' }, signal, agent: false, ...guard },
      resolve,
    )
    asking.on('error', reject)
    asking.end(body)
  })
}

/** Resolves a name as the system does. Fails where any of its addresses is not public. */
const publicOnly: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const [first] = addresses ?? []
    if (error || !first) return callback(error ?? new Error('no address'), '', 0)
    if (!addresses.every(({ address }) => isPublicAddress(address)))
      return callback(new Error('no public address'), '', 0)
    if (options.all) return callback(null, addresses)
    callback(null, first.address, first.family)
  })
}

async function bytesOf(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) {
      response.destroy()
      throw new Error(`more than ${maxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
