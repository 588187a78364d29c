import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type HttpClient, httpClient } from '../base/http.ts'
import { type Finding, fail, ok, reasonOf } from './doctor-checks.ts'

const timeoutMs = 3000

/** What one look at a vendor needs. */
export interface Look {
  /** The name of the settings, as the report shows it. */
  readonly name: string
  readonly allowInsecure: boolean
}

/** The client of the doctor's own questions. */
export function doctorHttp(allowInsecure: boolean): HttpClient {
  return httpClient({ timeoutMs, allowInsecure })
}

/** SECURITY: secrets go to these addresses; in the clear they would be anybody's. */
export function refusesPlain(url: URL, { name, allowInsecure }: Look): Finding | undefined {
  if (url.protocol === 'https:' || allowInsecure) return undefined
  return fail(name, `${url.origin} is not https`, 'the server does not start with it: give the https address')
}

/** Whether something answers at an address; nothing is sent to it. */
export async function checkReach(url: URL, look: Look): Promise<Finding> {
  const { name } = look
  const refused = refusesPlain(url, look)
  if (refused) return refused
  try {
    await reach(url)
    return ok(name, `${url.origin} can be reached`)
  } catch (error) {
    return unreachable(name, `${url.origin}: ${reasonOf(error)}`)
  }
}

/** The finding for an address that does not answer. */
export function unreachable(name: string, detail: string): Finding {
  const advice = 'nobody can log in with it: check DNS, the firewall for outgoing connections, and the certificate'
  return fail(name, detail, advice)
}

/** Connects, with the certificate checked where there is one, and says nothing. */
function reach({ protocol, hostname, port }: URL): Promise<void> {
  const isTls = protocol === 'https:'
  const host = hostname.replace(/^\[|\]$/g, '')
  const target = { host, port: Number(port) || (isTls ? 443 : 80), timeout: timeoutMs }
  return new Promise((resolve, reject) => {
    const socket: Socket = isTls ? connectTls(target) : connectPlain(target)
    const end = (error?: Error) => {
      clearTimeout(timer)
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    // The time includes the handshake; a socket's own timeout would start again with every byte.
    const timer = setTimeout(() => end(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
    socket.once(isTls ? 'secureConnect' : 'connect', () => end())
    socket.once('error', end)
  })
}
