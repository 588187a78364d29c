import { buildConnectors, type ConnectionOptions } from '../../interactions/upstreams/connections.ts'
import type { SharedTexts } from '../../interactions/upstreams/connector.ts'
import type { HttpClient, HttpResponse } from '../base/http.ts'
import { isLoopback } from '../base/network.ts'
import { paths } from '../base/paths.ts'
import { readVendorText } from '../base/vendor-text.ts'
import type { Config } from '../config/config.ts'
import { type Finding, fail, ok, reasonOf, wallClockMs, warn } from './doctor-checks.ts'
import { callbackOf, pageOf, todoFindings } from './doctor-consoles.ts'
import { askAll } from './doctor-questions.ts'
import { doctorHttp, type Look, refusesPlain, unreachable } from './doctor-reach.ts'

/** A Date header has whole seconds and is some time on its way. */
const skewToWarnSeconds = 10
/** What tokens and client secrets are allowed to be out of step. */
const skewToFailSeconds = 60

/** What one look at a connection needs. */
interface ConnectionLook extends Look {
  readonly issuer: string
  readonly http: HttpClient
}

/**
 * The settings of each connection, and whether the vendor knows this server by them; what only the vendor's console can
 * tell is printed as it must be there.
 */
export async function checkConnections({ connections, issuer, sandbox }: Config): Promise<Finding[]> {
  const http = doctorHttp(sandbox)
  const found = await Promise.all(
    connections.map(async (options) => {
      const look = { name: `connection ${options.id}`, issuer, allowInsecure: sandbox, http }
      const [documents, answers] = await Promise.all([documentFindings(options, look), questionFindings(options, look)])
      return [
        ...todoFindings(options, look),
        ...issuerFindings(options, look),
        ...shapeFindings(options, look),
        ...documents,
        // Where the documents cannot be had, an answer says the same once more.
        ...(documents.some(({ status }) => status === 'fail') ? [] : answers),
      ]
    }),
  )
  return found.flat()
}

/** SECURITY: secrets go to these addresses, so nothing is asked where one of them is in the clear. */
async function questionFindings(options: ConnectionOptions, look: ConnectionLook): Promise<Finding[]> {
  const { name, issuer, allowInsecure, http } = look
  const plain = askedAddresses(options).flatMap((address) => refusesPlain(new URL(address), look) ?? [])
  // The documents have told it already where there are some.
  if (plain.length > 0) return options.type === 'apple' || options.type === 'oidc' ? [] : plain
  const [connector] = buildConnectors([options], { http, clock: wallClockMs, shared: notShared, allowInsecure })
  const questions = connector?.questions(callbackOf(options, issuer)) ?? []
  return askAll(questions.map((question) => ({ name, question, page: pageOf(options, question) })))
}

/** Where this server calls, and where it sends browsers. */
function askedAddresses(options: ConnectionOptions): string[] {
  const addresses = Object.entries(options).flatMap(([setting, value]) =>
    setting.endsWith('_url') || setting === 'issuer' ? [new URL(String(value)).origin] : [],
  )
  return [...new Set(addresses)]
}

/** The doctor keeps nothing: a server that runs beside it has texts of its own. */
const notShared: SharedTexts = {
  get: async (_, make) => (await make()).text,
  forget: async () => {},
}

function issuerFindings(options: ConnectionOptions, { name, issuer }: ConnectionLook): Finding[] {
  const { protocol, hostname } = new URL(issuer)
  if (protocol === 'https:' && !isLoopback(hostname)) return []
  const advice = 'set ISSUER to the https address that people use, and enter that in the console'
  if (options.type === 'apple') return [fail(name, `Apple sends nobody back to ${issuer}`, advice)]
  return [warn(name, `codes would come back to ${issuer}, in the clear or to this machine alone`, advice)]
}

/** What a mistyped or swapped id looks like. A warning, because vendors may change their shapes. */
function shapeFindings(options: ConnectionOptions, { name }: Look): Finding[] {
  switch (options.type) {
    case 'wechat': {
      const { website, official_account: account, mobile_app: mobile, mini_program: program } = options
      const apps = [website, account, mobile, program].flatMap((app) => app ?? [])
      if (apps.length === 0) return [fail(name, 'has no app', 'set one, such as website, or remove the connection')]
      const odd = apps.flatMap(({ appid }) => (/^wx[0-9a-z]{16}$/i.test(appid) ? [] : [appid]))
      const isSilent = account?.scope === 'snsapi_base'
      return [
        ...odd.map((appid) => warn(name, `appid ${appid} is not wx and 16 characters`, 'copy it from the console')),
        ...(isSilent && website
          ? [
              warn(
                name,
                'snsapi_base gives no unionid: a person who logged in by QR code gets a second account inside WeChat',
                'set official_account.scope to snsapi_userinfo',
              ),
            ]
          : []),
      ]
    }
    case 'qq':
    case 'weibo': {
      const mobile = options.type === 'qq' && options.mobile_app ? [options.mobile_app.appid] : []
      const odd = [options.client_id, ...mobile].filter((id) => !/^\d+$/.test(id))
      return odd.map((id) => warn(name, `id ${id} is not all digits`, 'copy the id from the console'))
    }
    case 'apple': {
      // The schema has refused a key that does not parse.
      const key = ok(name, `the key ${options.key_id} can sign client secrets (ES256)`)
      const ids = { team_id: options.team_id, key_id: options.key_id }
      const odd = Object.entries(ids).filter(([, id]) => !/^[A-Z0-9]{10}$/.test(id))
      const isSame = options.bundle_ids.includes(options.client_id)
      return [
        key,
        ...(isSame ? [fail(name, 'client_id is a bundle id', 'set client_id to the Services ID')] : []),
        ...odd.map(([setting, id]) => warn(name, `${setting} ${id} is not 10 capitals and digits`, `mend ${setting}`)),
      ]
    }
    default:
      return []
  }
}

/** The documents of an upstream that logins rest on, and where signatures depend on it, its clock. */
async function documentFindings(options: ConnectionOptions, look: ConnectionLook): Promise<Finding[]> {
  if (options.type === 'apple') return checkDocument(new URL('/auth/keys', options.issuer), look, hasKeys)
  if (options.type !== 'oidc') return []
  const url = `${options.issuer.replace(/\/$/, '')}${paths.discovery}`
  return checkDocument(new URL(url), look, (document) => hasIssuer(document, options.issuer))
}

type Judgement = Pick<Finding, 'detail' | 'advice'>

/** Fetches a document of the upstream and compares the clocks by the way. */
async function checkDocument(
  url: URL,
  look: ConnectionLook,
  judge: (document: unknown) => Judgement,
): Promise<Finding[]> {
  const { name, http } = look
  const refused = refusesPlain(url, look)
  if (refused) return [refused]
  let response: HttpResponse
  try {
    response = await http.request(url)
  } catch (error) {
    return [unreachable(name, reasonOf(error))]
  }
  const { detail, advice } = judgeText(response, url, judge)
  const check = advice === undefined ? ok(name, detail) : fail(name, detail, advice)
  const skew = skewFinding(name, secondsAhead(response.headers.get('date')))
  return skew ? [check, skew] : [check]
}

function judgeText({ status, text }: HttpResponse, url: URL, judge: (document: unknown) => Judgement): Judgement {
  const advice = 'check the issuer in the configuration, and what stands between this machine and it'
  if (status !== 200) return { detail: `${url} answers ${status}`, advice }
  try {
    return judge(readVendorText(text))
  } catch {
    return { detail: `${url} is not JSON`, advice }
  }
}

function hasKeys(document: unknown): Judgement {
  const { keys } = Object(document) as { keys?: unknown }
  if (Array.isArray(keys) && keys.length > 0) return { detail: `reached, publishes ${keys.length} keys` }
  return { detail: 'publishes no keys', advice: 'check the issuer in the configuration' }
}

/** OIDC Discovery §4.3: the same, or a login is refused. */
function hasIssuer(document: unknown, issuer: string): Judgement {
  const { issuer: told } = Object(document) as { issuer?: unknown }
  if (URL.parse(String(told))?.href === new URL(issuer).href)
    return { detail: `reached, discovery names the same issuer ${issuer}` }
  return {
    detail: `discovery says issuer ${String(told)}, the configuration ${issuer}`,
    advice: 'copy the issuer of the discovery document, to the letter, if that is who you mean',
  }
}

/** How far another machine is ahead of this one; undefined where it does not say. */
function secondsAhead(date: string | null): number | undefined {
  const theirs = Date.parse(date ?? '')
  return Number.isNaN(theirs) ? undefined : (theirs - wallClockMs()) / 1000
}

/** The clock of the upstream beside ours: client secrets and ID tokens are good from and until a moment. */
export function skewFinding(name: string, aheadSeconds: number | undefined): Finding | undefined {
  if (aheadSeconds === undefined) return undefined
  const apart = Math.abs(aheadSeconds)
  if (apart < skewToWarnSeconds) return ok(name, 'its clock and this machine’s agree')
  const detail = `its clock is ${Math.round(apart)} s ${aheadSeconds > 0 ? 'ahead of' : 'behind'} this machine’s`
  const advice = 'run a time service (chrony, systemd-timesyncd): signatures are refused when they are out of step'
  return apart < skewToFailSeconds ? warn(name, detail, advice) : fail(name, detail, advice)
}
