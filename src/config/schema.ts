import { z } from 'zod'
import { oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { captchaOptions } from '../../interactions/native/captcha.ts'
import { connectionOptions } from '../../interactions/upstreams/connections.ts'
import { identityLimitOptions } from '../accounts/identity-limit.ts'
import { passwordOptions } from '../accounts/password-options.ts'
import { duration, durationOrNone, slidingLimit } from '../base/duration.ts'
import { Secret } from '../base/secret.ts'
import { mailOptions } from '../mail/smtp.ts'
import { keyOptions } from '../oidc/keys/key-life.ts'
import { limitOptions, limitWindow, windows } from '../ops/limit-options.ts'
import { logLevels } from '../ops/log.ts'
import { smsOptions } from '../sms/options.ts'
import { isMetricsAddress, isOrigin, trustedProxies } from './address-settings.ts'

/** What the defaults depend on. */
export interface Mode {
  readonly production: boolean
  readonly sandbox: boolean
  readonly port: number
  /** Standard output is a terminal. */
  readonly isTerminal: boolean
}

const issuer = z
  .string()
  .refine(isOrigin, 'expected https://host, or http://localhost:port in the sandbox, without path, query or user')
  .transform((text) => new URL(text).origin)

const key = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'expected 32 bytes as base64url, 43 characters')
  .transform((text) => new Secret(text))
  .meta({ secret: true })

const url = (protocols: RegExp, expected: string) =>
  z
    .string()
    .refine((text) => text.split(',').every((one) => protocols.test(URL.parse(one.trim())?.protocol ?? '')), expected)
    .transform((text) => new Secret(text))
    .meta({ secret: true })

const documentUrl = z
  .string()
  .refine(
    (text) => /^\/(?!\/)/.test(text) || /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
    'expected an http(s) address or a path',
  )

const agreement = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/, 'expected a short name of lower-case letters')
    .describe('`terms`, `privacy`, …'),
  version: z.string().min(1).max(64).describe('A change asks everybody to agree again.'),
  url: documentUrl.describe('Where the text is read.'),
  reconfirm: z
    .boolean()
    .default(false)
    .describe('Whether apps with a login of their own have to agree to a new version before their next refresh.'),
  title: z
    .strictObject({
      'zh-CN': z.string().min(1).optional().describe('Title in Chinese.'),
      en: z.string().min(1).optional().describe('Title in English.'),
    })
    .optional()
    .describe('Name of the document, where it is not one of the known ones.'),
})

const sampleAgreements = [
  { id: 'terms', version: 'sample', url: '/sandbox/terms' },
  { id: 'privacy', version: 'sample', url: '/sandbox/privacy' },
]

/** The one schema of the configuration; the parts bring the schemas of their own settings. */
export function configSchema({ production, sandbox, port, isTerminal }: Mode) {
  const unique = <Item>(items: readonly Item[]) => new Set(items).size === items.length
  return z.strictObject({
    issuer: issuer
      .prefault(`http://localhost:${port}`)
      .describe('The address by which the world knows this server; the `iss` of every token. Production needs https.'),
    sandbox: z
      .boolean()
      .default(!production)
      .describe('Demo client, simulated vendors and an outbox that shows every code. Refused in production.'),
    sandbox_exposed: z
      .boolean()
      .default(false)
      .describe(
        'Allows a sandbox that others can reach: an `issuer` or a `server.host` that is not this machine. Whoever reaches it can log in as anybody.',
      ),
    server: z
      .strictObject({
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
        shutdown_seconds: z
          .int()
          .min(0)
          .max(600)
          .default(10)
          .describe('How long requests in flight may finish when stopping.'),
      })
      .prefault({})
      .describe('The public listener.'),
    data_dir: z.string().min(1).default('./.menshen').describe('Folder of the embedded store.'),
    secret_key: key
      .optional()
      .describe(
        'Master key, 32 bytes base64url (43 characters). Seals everything secret at rest. The sandbox makes one in the data folder.',
      ),
    previous_secret_keys: z
      .array(key)
      .prefault([])
      .describe('Earlier master keys: they still open what they sealed, and seal nothing new.'),
    database: z
      .strictObject({
        url: url(/^postgres(ql)?:$/, 'expected a postgres:// address')
          .optional()
          .describe(
            'PostgreSQL, `postgres://user:password@host:5432/name`. Absent: the embedded one in the data folder.',
          ),
        pool_size: z.int().min(1).max(500).default(10).describe('Connections a process may hold.'),
      })
      .prefault({})
      .describe('Where accounts, sessions, grants and keys live.'),
    redis: z
      .strictObject({
        url: url(/^rediss?:$/, 'expected redis:// or rediss:// addresses')
          .optional()
          .describe(
            'Redis, `redis://host:6379`, or a comma-separated list of cluster nodes. Absent: the database does its work.',
          ),
      })
      .prefault({})
      .describe('Where values with a short life live.'),
    log: z
      .strictObject({
        level: z.enum(logLevels).default('info').describe('The least important level that is written.'),
        format: z
          .enum(['json', 'pretty'])
          .default(!production && isTerminal ? 'pretty' : 'json')
          .describe('`pretty` at a terminal.'),
      })
      .prefault({})
      .describe('Log lines on standard output.'),
    ops: z
      .strictObject({
        metrics: z
          .string()
          .refine(isMetricsAddress, 'expected host:port or off')
          .default('127.0.0.1:9464')
          .describe('Listener of `GET /metrics`, `host:port` or `off`.'),
        audit_retention: durationOrNone
          .prefault('184d')
          .describe(
            'How long audit events are kept, or `none`: for ever. The Cybersecurity Law asks for six months; with less than 90d neither support nor the login page can say why somebody was logged out long ago.',
          ),
      })
      .prefault({})
      .describe('For operators.'),
    outbound: z
      .strictObject({
        private_addresses: z
          .boolean()
          .default(sandbox)
          .describe('Whether `backchannel_logout_uri` and `jwks_uri` of clients may lead into a private network.'),
      })
      .prefault({})
      .describe('Requests this server makes to clients.'),
    brand: z
      .strictObject({
        name: z.string().min(1).max(40).default('门神').describe('Name on pages, in messages and mails.'),
        support_url: z
          .url({ protocol: /^(https?|mailto)$/ })
          .optional()
          .describe('Where people find help.'),
      })
      .prefault({})
      .describe('What visitors see.'),
    agreements: z
      .array(agreement)
      .refine((all) => unique(all.map(({ id }) => id)), 'two documents have the same id')
      .prefault(sandbox ? sampleAgreements : [])
      .describe('Documents a person agrees to before the first login.'),
    sms: smsOptions.prefault({}).describe('Messages with one-time codes.'),
    mail: mailOptions
      .optional()
      .describe('Outgoing mail. Absent: e-mail addresses cannot be registered outside the sandbox.'),
    password: passwordOptions.prefault({}).describe('Password rules and hashing.'),
    login: z
      .strictObject({
        methods: z
          .array(z.enum(['sms', 'password']))
          .min(1)
          .refine(unique, 'a method is named twice')
          .default(['sms', 'password'])
          .describe('Ways to log in, in the order they are shown.'),
        limits: z
          .strictObject({
            per_network: limitWindow
              .default({ max: 3000, seconds: 3600 })
              .describe('Logins that begin in browsers of one network, each stored for an hour. Many may share one.'),
          })
          .prefault({})
          .describe('How many logins may be under way.'),
      })
      .prefault({})
      .describe('The login page.'),
    connections: z
      .array(connectionOptions)
      .refine((all) => unique(all.map(({ id }) => id)), 'two connections have the same id')
      .default([])
      .describe('Upstreams people may log in with, in the order of their buttons.'),
    one_tap: z
      .array(oneTapOptions)
      .refine((all) => unique(all.map(({ vendor }) => vendor)), 'two entries have the same vendor')
      .default([])
      .describe('Vendors that ask the carrier for the number of a phone, for apps.'),
    native_login: z
      .strictObject({
        limits: z
          .strictObject({
            per_ip: windows
              .default([
                { max: 600, seconds: 600 },
                { max: 10_000, seconds: 86_400 },
              ])
              .describe(
                'Logins that begin, and questions to vendors, from one address. A carrier puts many phones behind one.',
              ),
          })
          .prefault({})
          .describe('How often apps may try.'),
      })
      .prefault({})
      .describe('Logins on an app’s own screens.'),
    limits: limitOptions.prefault({}).describe('Limits that belong to no part alone.'),
    captcha: captchaOptions
      .optional()
      .describe('Asked of apps before a message is sent, unless the app is attested. Absent: nothing is asked.'),
    registration: z
      .strictObject({
        phone: z
          .enum(['auto', 'closed'])
          .default('auto')
          .describe('`auto`: an unknown number that was proved gets an account.'),
        username: z.enum(['open', 'closed']).default('open').describe('Accounts with a user name and a password.'),
        email: z.enum(['open', 'closed']).default('open').describe('Accounts with an e-mail address and a password.'),
        upstream: z
          .enum(['ask', 'auto', 'closed'])
          .default('ask')
          .describe(
            'Somebody an upstream vouches for and nobody knows: `ask` whether a new account or one that is there.',
          ),
      })
      .prefault({})
      .describe('Who may make an account.'),
    identities_per_provider: identityLimitOptions,
    lifetimes: z
      .strictObject({
        access: duration.prefault('10m').describe('Access tokens that no resource gives a time of its own.'),
        session: slidingLimit('14d', '30d').describe('The browser session.'),
        refresh: slidingLimit('30d', '180d').describe('Refresh tokens, which slide with every use.'),
      })
      .prefault({})
      .describe('How long things last; a client may have its own.'),
    keys: keyOptions.prefault({}).describe('Keys that sign tokens and cookies: the server makes and replaces them.'),
  })
}

/** The configuration after it was checked, defaults included. */
export type Config = z.output<ReturnType<typeof configSchema>>
