import { z } from 'zod'
import { captchaOptions } from '../../interactions/challenges/captcha-vendors.ts'
import { siteverifyOptions } from '../../interactions/challenges/siteverify.ts'
import { oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { connectionOptions } from '../../interactions/upstreams/connections.ts'
import { aliyunNumberCheckOptions } from '../../interactions/upstreams/number-check-aliyun.ts'
import { abuseOptions } from '../abuse/rules.ts'
import { accountOptions } from '../accounts/account-options.ts'
import { deletionOptions } from '../accounts/deletion-options.ts'
import { identityLimitOptions } from '../accounts/identity-limit.ts'
import { passwordOptions } from '../accounts/password-options.ts'
import { reverifyOptions } from '../accounts/phone-options.ts'
import { pictureOptions } from '../accounts/picture-options.ts'
import { duration, slidingLimit } from '../base/duration.ts'
import { Secret } from '../base/secret.ts'
import { brandOptions } from '../brand/brand-options.ts'
import { mailOptions } from '../mail/smtp.ts'
import { retryMeaning } from '../oidc/clients/lifetimes.ts'
import { keyOptions } from '../oidc/keys/key-life.ts'
import { limitOptions } from '../ops/limit-options.ts'
import { smsOptions } from '../sms/options.ts'
import { isOrigin } from './address-settings.ts'
import { agreementOptions, isUnique, loginOptions, nativeLoginOptions, registrationOptions } from './login-options.ts'
import {
  databaseOptions,
  logOptions,
  type Mode,
  opsOptions,
  outboundOptions,
  serverOptions,
} from './process-options.ts'
import { redisOptions } from './redis-options.ts'

const issuer = z
  .string()
  .refine(isOrigin, 'expected https://host, or http://localhost:port in the sandbox, without path, query or user')
  .transform((text) => new URL(text).origin)

const key = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'expected 32 bytes as base64url, 43 characters')
  .transform((text) => new Secret(text))
  .meta({ secret: true })

/** The one schema of the configuration; the parts bring the schemas of their own settings. */
export function configSchema(mode: Mode) {
  const { production, port } = mode
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
        'Allows a sandbox that others can reach: an `issuer` or a `server.host` that is not this machine. Whoever ' +
          'reaches it can log in as anybody.',
      ),
    server: serverOptions(mode).prefault({}).describe('The public listener.'),
    data_dir: z.string().min(1).default('./.menshen').describe('Folder of the embedded store.'),
    secret_key: key
      .optional()
      .describe(
        'Master key, 32 bytes base64url (43 characters). Seals everything secret at rest. The sandbox makes one ' +
          'in the data folder.',
      ),
    previous_secret_keys: z
      .array(key)
      .prefault([])
      .describe('Earlier master keys: they still open what they sealed, and seal nothing new.'),
    database: databaseOptions.prefault({}).describe('Where accounts, sessions, grants and keys live.'),
    redis: redisOptions.prefault({}).describe('Where values with a short life live.'),
    log: logOptions(mode).prefault({}).describe('Log lines on standard output.'),
    ops: opsOptions.prefault({}).describe('For operators.'),
    outbound: outboundOptions(mode).prefault({}).describe('Requests this server makes to clients.'),
    brand: brandOptions.prefault({}).describe('What visitors see; docs/brand.md shows it.'),
    agreements: agreementOptions(mode).describe('Documents a person agrees to before the first login.'),
    sms: smsOptions.prefault({}).describe('Messages with one-time codes.'),
    mail: mailOptions
      .optional()
      .describe('Outgoing mail. Absent: e-mail addresses cannot be registered outside the sandbox.'),
    accounts: accountOptions.prefault({}).describe('The life of an account.'),
    password: passwordOptions.prefault({}).describe('Password rules and hashing.'),
    login: loginOptions.prefault({}).describe('The login page.'),
    connections: z
      .array(connectionOptions)
      .refine((all) => isUnique(all.map(({ id }) => id)), 'two connections have the same id')
      .default([])
      .describe('Upstreams people may log in with, in the order of their buttons.'),
    one_tap: z
      .array(oneTapOptions)
      .refine((all) => isUnique(all.map(({ vendor }) => vendor)), 'two entries have the same vendor')
      .default([])
      .describe('Vendors that ask the carrier for the number of a phone, for apps.'),
    phone: z
      .strictObject({
        ...reverifyOptions,
        carrier_check: z
          .array(aliyunNumberCheckOptions)
          .max(1)
          .default([])
          .describe(
            'Vendor that asks the carriers whether such a number has changed hands, before anybody is asked whose the ' +
              'account is. One at most.',
          ),
      })
      .prefault({})
      .describe('Phone numbers that may have gone to somebody else.'),
    native_login: nativeLoginOptions.prefault({}).describe('Logins on an app’s own screens.'),
    limits: limitOptions.prefault({}).describe('Limits that belong to no part alone.'),
    captcha: siteverifyOptions
      .optional()
      .describe('Older name of `abuse.captcha` with the vendor `siteverify`; one of the two.'),
    abuse: abuseOptions
      .extend({
        captcha: captchaOptions
          .optional()
          .describe(
            'Captcha of a vendor, asked of strangers before a message is sent (rule `captcha`). Absent: only the ' +
              'challenge of this server is asked.',
          ),
      })
      .prefault({})
      .describe('What is decided before anything that costs money, and what people show then; docs/abuse.md shows it.'),
    registration: registrationOptions.prefault({}).describe('Who may make an account.'),
    identities_per_provider: identityLimitOptions,
    deletion: deletionOptions.prefault({}).describe('Deletion of accounts by their owners.'),
    pictures: pictureOptions.prefault({}).describe('Pictures that upstreams tell.'),
    lifetimes: z
      .strictObject({
        access: duration.prefault('10m').describe('Access tokens that no resource gives a time of its own.'),
        session: slidingLimit('14d', '30d').describe('The browser session.'),
        refresh: slidingLimit('30d', '180d')
          .unwrap()
          .extend({ retry: duration.prefault('24h').describe(retryMeaning) })
          .prefault({})
          .describe('Refresh tokens, which slide with every use.'),
      })
      .prefault({})
      .describe('How long things last; a client may have its own.'),
    session: z
      .strictObject({
        per_client: z
          .int()
          .min(1)
          .max(1000)
          .default(20)
          .describe(
            'How many logins of one account for one client live at once, browsers and apps together; another one ' +
              'ends the oldest. An app that proves a key takes the place of its own login on the same device anyway.',
          ),
      })
      .prefault({})
      .describe('How many logins an account has.'),
    keys: keyOptions.prefault({}).describe('Keys that sign tokens and cookies: the server makes and replaces them.'),
  })
}

/** The configuration after it was checked, defaults included. */
export type Config = z.output<ReturnType<typeof configSchema>>
