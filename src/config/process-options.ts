import { z } from 'zod'
import { durationOrNone } from '../base/duration.ts'
import { Secret } from '../base/secret.ts'
import { logLevels } from '../ops/log.ts'
import { addressProblem } from '../store/postgres-address.ts'
import { isMetricsAddress, trustedProxies } from './address-settings.ts'

/** What the defaults depend on. */
export interface Mode {
  readonly production: boolean
  readonly sandbox: boolean
  readonly port: number
  /** Standard output is a terminal. */
  readonly isTerminal: boolean
}

/** An address with a password in it, which is told to nobody: not even by what is wrong with it. */
export function secretAddress(problem: (text: string) => string | undefined) {
  return z
    .string()
    .superRefine((text, context) => {
      const message = problem(text)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
    .transform((text) => new Secret(text))
    .meta({ secret: true })
}

/** Settings of the public listener. */
export function serverOptions({ sandbox }: Pick<Mode, 'sandbox'>) {
  return z.strictObject({
    port: z.int().min(0).max(65_535).default(3000).describe('Port of the listener; 0 takes a free one.'),
    host: z
      .string()
      .min(1)
      .default(sandbox ? '127.0.0.1' : '0.0.0.0')
      .describe('Address of the listener.'),
    workers: z
      .union([z.int().min(1).max(256), z.literal('auto')])
      .default(1)
      .describe('Processes on this machine; `auto`: one for each core.'),
    trusted_proxies: trustedProxies(sandbox),
    drain_seconds: z
      .int()
      .min(0)
      .max(600)
      .default(sandbox ? 0 : 5)
      .describe('How long a process that was told to stop still answers, unready, until balancers have noticed.'),
    shutdown_seconds: z
      .int()
      .min(0)
      .max(600)
      .default(10)
      .describe('How long requests in flight may finish when stopping.'),
  })
}

const databaseUrl = secretAddress(addressProblem)

/** Settings of the database. */
export const databaseOptions = z.strictObject({
  url: databaseUrl
    .optional()
    .describe(
      'PostgreSQL, `postgres://user:password@host:5432/name`; of several hosts (`host1:5432,host2:5432`) the one that ' +
        'takes writes is used. Absent: the embedded one in the data folder.',
    ),
  direct_url: databaseUrl
    .optional()
    .describe(
      'The same database past a pooler that lends connections for one transaction: for migrations, imports and ' +
        'LISTEN. Absent: `url` is direct.',
    ),
  pool_size: z.int().min(1).max(500).default(10).describe('Connections a process may hold.'),
})

/** Settings of the log. */
export function logOptions({ production, isTerminal }: Pick<Mode, 'production' | 'isTerminal'>) {
  return z.strictObject({
    level: z.enum(logLevels).default('info').describe('The least important level that is written.'),
    format: z
      .enum(['json', 'pretty'])
      .default(!production && isTerminal ? 'pretty' : 'json')
      .describe('`pretty` at a terminal.'),
  })
}

/** Settings for operators: metrics, the audit and the places of addresses. */
export const opsOptions = z.strictObject({
  metrics: z
    .string()
    .refine(isMetricsAddress, 'expected host:port or off')
    .default('127.0.0.1:9464')
    .describe('Listener of `GET /metrics`, `host:port` or `off`.'),
  audit_retention: durationOrNone
    .prefault('184d')
    .describe(
      'How long audit events are kept, or `none`: for ever. The Cybersecurity Law asks for six months; with less ' +
        'than 90d neither support nor the login page can say why somebody was logged out long ago, and people see ' +
        'their own logins of that time only.',
    ),
  merge_by_two: z
    .boolean()
    .default(false)
    .describe('Whether `users merge` needs two operators: one asks, and another one confirms it within a day.'),
  ip_places_file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File that says in which province or country an IPv4 address is, in the format xdb of ip2region; it is opened ' +
        'at the start. Absent: the history of logins shows no places.',
    ),
  ip_places_file_ipv6: z.string().min(1).optional().describe('The same for IPv6 addresses.'),
})

/** Settings of the requests that this server makes to clients. */
export function outboundOptions({ sandbox }: Pick<Mode, 'sandbox'>) {
  return z.strictObject({
    private_addresses: z
      .boolean()
      .default(sandbox)
      .describe('Whether `backchannel_logout_uri` and `jwks_uri` of clients may lead into a private network.'),
  })
}
