import { captchaEndpoint, captchaSettings, hasTestKey } from '../../interactions/challenges/captcha-vendors.ts'
import { namespaceClashes } from '../../interactions/upstreams/connections.ts'
import { ownerEventNames } from '../accounts/owner-events.ts'
import { isLoopback } from '../base/network.ts'
import { lifetimeProblems } from '../oidc/clients/lifetimes.ts'
import { eventsWithoutSms, plainEndpoints, smsProblems } from '../sms/coverage.ts'
import { redisProblems } from './redis-options.ts'
import type { Config } from './schema.ts'
import type { Problem } from './sources.ts'

/** One thing that is not fit for production. */
export interface Unfit {
  /** What is the case, in words for a person who has not read the manual. */
  readonly line: string
  /** The setting that repairs it. */
  readonly setting: string
  readonly refusedInProduction: boolean
}

type Row = Unfit & { readonly holds: (config: Config) => boolean }

const rows: readonly Row[] = [
  {
    holds: ({ sandbox }) => sandbox,
    line: 'the sandbox is on: whoever reaches /sandbox reads every code',
    setting: 'sandbox',
    refusedInProduction: true,
  },
  {
    holds: ({ sandbox, server }) => sandbox && !isLoopback(server.host),
    line: 'the sandbox listens beyond this machine',
    setting: 'server.host',
    refusedInProduction: true,
  },
  {
    holds: ({ issuer }) => !issuer.startsWith('https:'),
    line: 'the issuer is not https: codes and cookies travel in the clear',
    setting: 'issuer',
    refusedInProduction: true,
  },
  {
    holds: ({ server }) => server.trusted_proxies === undefined,
    line:
      'it is not set whether a proxy stands in front: behind one, all visitors would share its address and ' +
      'its limits. List its addresses, or say none',
    setting: 'server.trusted_proxies',
    refusedInProduction: true,
  },
  {
    holds: ({ database }) => database.url === undefined,
    line: 'accounts live in the embedded PostgreSQL in the data folder, on this machine alone',
    setting: 'database.url',
    refusedInProduction: true,
  },
  {
    holds: ({ secret_key }) => secret_key === undefined,
    line: 'the master key is a generated one that lies beside the data it seals',
    setting: 'secret_key',
    refusedInProduction: true,
  },
  {
    holds: ({ login, sms }) => login.methods.includes('sms') && sms.senders.length === 0,
    line: 'no SMS is sent: there is no vendor',
    setting: 'sms.senders',
    refusedInProduction: true,
  },
  {
    holds: ({ mail }) => mail === undefined,
    line: 'no e-mail is sent: there is no mail server',
    setting: 'mail.url',
    refusedInProduction: false,
  },
  {
    holds: ({ abuse }) => abuse.alarm_webhook !== undefined && abuse.alarm_secret === undefined,
    line: 'alarms are not signed: whoever knows the address they go to can raise one',
    setting: 'abuse.alarm_secret',
    refusedInProduction: false,
  },
  {
    holds: ({ agreements }) => agreements.every(({ url }) => url.startsWith('/sandbox/')),
    line: 'nobody is asked to agree to real terms of service and a privacy policy',
    setting: 'agreements',
    refusedInProduction: false,
  },
]

/** Settings without which, or with whose default, production does not start. */
export const settingsRefusedInProduction: ReadonlySet<string> = new Set(
  rows.flatMap(({ setting, refusedInProduction }) => (refusedInProduction ? [setting] : [])),
)

/** What of a configuration is not fit for production; the one table behind the lines at start and the refusals. */
export function fitness(config: Config): Unfit[] {
  return rows
    .filter(({ holds }) => holds(config))
    .map(({ line, setting, refusedInProduction }) => ({ line, setting, refusedInProduction }))
    .concat(untoldOwners(config))
}

/** Somebody with a number and no mail address hears nothing of what has no template. */
function untoldOwners({ sms }: Config): Unfit[] {
  const untold = sms.senders.length === 0 ? [] : eventsWithoutSms(sms)
  if (untold.length === 0) return []
  const all = untold.length === ownerEventNames.length
  const line = all
    ? 'owners of accounts are told of nothing by text message: no sender has templates in `notices`'
    : `owners of accounts are not told by text message of ${untold.join(', ')}: no sender has a template in \`notices\``
  return [{ line, setting: 'sms.senders', refusedInProduction: false }]
}

type Contradiction = Problem & { readonly holds: (config: Config) => boolean }

const clashes: readonly Contradiction[] = [
  {
    holds: ({ issuer, sandbox, sandbox_exposed }) =>
      sandbox && !sandbox_exposed && !isLoopback(new URL(issuer).hostname),
    path: 'issuer',
    message: 'is not this machine while the sandbox is on; set sandbox: false, or sandbox_exposed: true',
  },
  {
    holds: ({ server, sandbox, sandbox_exposed }) => sandbox && !sandbox_exposed && !isLoopback(server.host),
    path: 'server.host',
    message: 'lets others reach the sandbox, which shows every code; set 127.0.0.1, or sandbox_exposed: true',
  },
  {
    holds: ({ secret_key, previous_secret_keys }) => previous_secret_keys.length > 0 && secret_key === undefined,
    path: 'secret_key',
    message: 'is missing, although previous_secret_keys has keys',
  },
  {
    holds: ({ database }) => database.direct_url !== undefined && database.url === undefined,
    path: 'database.direct_url',
    message: 'is a second way to the database of database.url, which is missing',
  },
  {
    holds: ({ server, ops }) => server.port !== 0 && ops.metrics.endsWith(`:${server.port}`),
    path: 'ops.metrics',
    message: 'is the port of the server itself',
  },
  {
    holds: ({ captcha, sandbox }) => captcha !== undefined && !sandbox && !captcha.verify_url.startsWith('https:'),
    path: 'captcha.verify_url',
    message: 'must be an https address outside the sandbox: it gets a secret',
  },
  {
    holds: ({ captcha, abuse }) => captcha !== undefined && abuse.captcha !== undefined,
    path: 'captcha',
    message: 'is the older name of abuse.captcha, which is set too; take this away',
  },
  {
    holds: ({ abuse: { captcha }, sandbox }) =>
      !sandbox && captcha !== undefined && !(captchaEndpoint(captcha) ?? 'https:').startsWith('https:'),
    path: 'abuse.captcha',
    message: 'must ask an https address outside the sandbox: it gets a secret',
  },
  {
    holds: ({ abuse: { captcha }, sandbox }) =>
      !sandbox && captcha !== undefined && 'script_url' in captcha && captcha.script_url?.startsWith('http:') === true,
    path: 'abuse.captcha.script_url',
    message: 'must be an https address outside the sandbox: it runs on a page of this server',
  },
  {
    holds: (config) => !config.sandbox && config.captcha !== undefined && hasTestKey(captchaSettings(config)),
    path: 'captcha',
    message: 'has a key for tests, with which everybody passes; make keys of your own in the console',
  },
  {
    holds: ({ abuse, sandbox }) => !sandbox && hasTestKey(abuse.captcha),
    path: 'abuse.captcha',
    message: 'has a key for tests, with which everybody passes; make keys of your own in the console',
  },
  {
    holds: ({ phone, sandbox }) =>
      !sandbox && phone.carrier_check.some(({ endpoint }) => !endpoint.startsWith('https:')),
    path: 'phone.carrier_check[0].endpoint',
    message: 'must be an https address outside the sandbox: it gets a secret and hashes of numbers',
  },
  {
    holds: ({ phone }) => phone.carrier_check.length > 0 && phone.reverify_after === 'none',
    path: 'phone.carrier_check',
    message: 'is never asked, because phone.reverify_after is 0; set that, or take this away',
  },
]

/** Settings that are each valid but do not go together. */
export function contradictions(config: Config): Problem[] {
  return [
    ...lifetimeProblems(config.lifetimes, 'session').map(({ fields, message }) => ({
      path: `lifetimes.${fields[0]}`,
      message,
    })),
    ...clashes.filter(({ holds }) => holds(config)).map(({ path, message }) => ({ path, message })),
    ...redisProblems(config.redis),
    ...smsProblems(config.sms),
    ...(config.sandbox ? [] : plainEndpoints(config.sms)),
    ...namespaceClashes(config.connections, { allowInsecure: config.sandbox }).map(({ index, message }) => ({
      path: `connections[${index}]`,
      message,
    })),
  ]
}
