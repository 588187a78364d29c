import { existsSync } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { type HttpClient, httpClient } from '../base/http.ts'
import { paths } from '../base/paths.ts'
import type { Config } from '../config/config.ts'
import { type Finding, fail, ok, reasonOf, warn } from './doctor-checks.ts'
import { ownSigner } from './doctor-reach.ts'

const timeoutMs = 5000
const bytesToWarn = 1e9
const bytesToFail = 1e8

/** What lies outside the stores: the data folder, our own address as the world sees it, and mail. */
export async function checkPlaces(config: Config, keyIds: readonly string[] | undefined): Promise<Finding[]> {
  const found = await Promise.all([
    checkFolder(config),
    checkDisk(config),
    checkIssuer(config, keyIds),
    checkMail(config),
  ])
  return found.flat()
}

/** SECURITY: the folder holds every account and the key that seals it. */
async function checkFolder({ data_dir, database, secret_key }: Config): Promise<Finding[]> {
  if (database.url && secret_key) return []
  const places = [data_dir, join(data_dir, 'secret.key')].filter((place) => existsSync(place))
  if (places.length === 0) return [ok('data folder', `${data_dir} is made by the first start`)]
  const open = await Promise.all(places.map(async (place) => ({ place, mode: (await stat(place)).mode & 0o777 })))
  const found = open
    .filter(({ mode }) => (mode & 0o077) !== 0)
    .map(({ place, mode }) =>
      fail('data folder', `others may read ${place} (${mode.toString(8)})`, `run: chmod go= ${place}`),
    )
  return found.length > 0 ? found : [ok('data folder', `${data_dir} belongs to this user alone`)]
}

async function checkDisk({ data_dir }: Config): Promise<Finding[]> {
  let place = data_dir
  while (!existsSync(place)) place = dirname(place)
  const { bavail, bsize } = await statfs(place)
  return [diskFinding(bavail * bsize, place)]
}

/** Free bytes where the data folder is. */
export function diskFinding(bytes: number, place: string): Finding {
  const detail = `${(bytes / 1e9).toFixed(1)} GB free at ${place}`
  const advice = 'make room: PostgreSQL stops when the disk is full'
  if (bytes < bytesToFail) return fail('disk', detail, advice)
  return bytes < bytesToWarn ? warn('disk', detail, advice) : ok('disk', detail)
}

const addresses = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'] as const
const proxyAdvice =
  'the proxy must pass Host and X-Forwarded-Proto, and its address must be in server.trusted_proxies; or correct ISSUER'

/** Asks for our own discovery the way a client does, through every proxy in between. */
async function checkIssuer({ issuer }: Config, keyIds: readonly string[] | undefined): Promise<Finding[]> {
  const http = httpClient({ timeoutMs, allowInsecure: issuer.startsWith('http:') })
  const url = `${issuer}${paths.discovery}`
  let text: string
  try {
    const response = await http.request(url)
    if (response.status !== 200) {
      return [
        fail('issuer', `${url} answers ${response.status}`, 'something else listens there, or the proxy is wrong'),
      ]
    }
    text = response.text
  } catch (error) {
    const reason = reasonOf(error)
    if (/ECONNREFUSED/.test(reason)) {
      return [warn('issuer', `nothing answers at ${issuer}`, 'start the server, or let its address through')]
    }
    const advice = 'check the name, the certificate and the proxy; redirects are not followed'
    return [fail('issuer', reason, ownSigner(reason) ?? advice)]
  }
  const discovery = discoveryFinding(text, issuer)
  if (discovery.status !== 'ok') return [discovery]
  return [
    discovery,
    ...(keyIds ? await checkPublishedKeys(http, { issuer, keyIds }) : []),
    await checkReadiness(http, issuer),
  ]
}

/** A server that publishes other keys runs on another database than the one this command sees. */
async function checkPublishedKeys(
  http: HttpClient,
  { issuer, keyIds }: { readonly issuer: string; readonly keyIds: readonly string[] },
): Promise<Finding[]> {
  try {
    const { text } = await http.request(`${issuer}${paths.jwks}`)
    const { keys } = JSON.parse(text) as { keys: readonly { kid: string }[] }
    if (keys.some(({ kid }) => keyIds.includes(kid))) return []
    const detail = `${issuer} is served from another database: none of its keys is in this one`
    return [fail('server', detail, 'compare DATABASE_URL, MENSHEN_DATA_DIR and ISSUER here and where the server runs')]
  } catch (error) {
    return [fail('server', `/jwks: ${reasonOf(error)}`, 'see the server log')]
  }
}

function discoveryFinding(text: string, issuer: string): Finding {
  let metadata: Readonly<Record<string, unknown>>
  try {
    metadata = Object(JSON.parse(text))
  } catch {
    return fail('issuer', 'its discovery is not JSON', 'something else listens there')
  }
  if (metadata['issuer'] !== issuer) {
    return fail('issuer', `discovery says ${String(metadata['issuer'])}, the configuration ${issuer}`, 'mend ISSUER')
  }
  const foreign = addresses.filter((name) => !String(metadata[name]).startsWith(`${issuer}/`))
  if (foreign.length === 0) return ok('issuer', `discovery at ${issuer} agrees with the configuration`)
  const detail = foreign.map((name) => `${name} is ${String(metadata[name])}`).join(', ')
  return fail('issuer', detail, proxyAdvice)
}

async function checkReadiness(http: HttpClient, issuer: string): Promise<Finding> {
  try {
    const { status, text } = await http.request(`${issuer}${paths.readyz}`)
    if (status !== 200) return fail('server', `is not ready: ${text}`, 'see the server log')
    if (text.includes('"degraded"')) return warn('server', `serves in part: ${text}`, 'see the server log')
    return ok('server', 'is ready')
  } catch (error) {
    return warn('server', `/readyz: ${reasonOf(error)}`, 'see the server log')
  }
}

/** Reaches for the mail server without saying a word to it. */
async function checkMail({ mail }: Config): Promise<Finding[]> {
  if (!mail) return []
  const { protocol, hostname, port } = new URL(mail.url.reveal())
  const host = hostname.replace(/^\[|\]$/g, '')
  const target = { host, port: Number(port) || (protocol === 'smtps:' ? 465 : 587) }
  const name = `${host}:${target.port}`
  try {
    await reach(target)
    return [ok('mail', `${name} can be reached`)]
  } catch (error) {
    return [fail('mail', `${name}: ${reasonOf(error)}`, 'check mail.url and the firewall; clouds often block port 25')]
  }
}

function reach(target: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, timeout: timeoutMs })
    const end = (error?: Error) => {
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end(new Error(`no answer within ${timeoutMs / 1000} s`)))
    socket.once('error', end)
  })
}
