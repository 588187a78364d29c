import { LoginAttempts } from '../interactions/attempt.ts'
import { otpCodes } from '../interactions/methods/otp.ts'
import type { RegistrationRules } from '../interactions/methods/register.ts'
import { type LoginMethods, loginMethods } from '../interactions/methods/registry.ts'
import { type Hasher, hasher } from './accounts/hashing.ts'
import { passwords as buildPasswords, type Passwords } from './accounts/passwords.ts'
import { httpClient } from './base/http.ts'
import type { Core } from './core.ts'
import { countedAudit, countedLimits, countedMail } from './counted.ts'
import { rules } from './limit-rules.ts'
import type { MailSender } from './mail/sender.ts'
import { smtpMail } from './mail/smtp.ts'
import { revokeUser } from './oidc/revoke-user.ts'
import { thriftyAudit } from './ops/audit-thrift.ts'
import { limits as buildLimits, type Limits } from './ops/limits.ts'
import type { Metrics } from './ops/metrics.ts'
import { buildSmsSender } from './sms/registry.ts'
import type { SmsSender } from './sms/sender.ts'
import { keyedStore } from './store/keyed.ts'

/** How people get in: the methods on offer and what decides about what they prove. */
export interface Logins {
  readonly attempts: LoginAttempts
  readonly methods: LoginMethods
  readonly passwords: Passwords
  readonly hashing: Hasher
  /** Who may make an account, and by what. */
  readonly registration: RegistrationRules
  /** Every limit of the product by name. */
  readonly limits: Limits<keyof ReturnType<typeof rules>>
}

/** What sends where no vendor is configured. */
export interface OwnSenders {
  readonly sms: SmsSender
  readonly mail: MailSender
}

const outboundTimeoutMs = 5000

/** Builds everything a login needs, from the senders of codes to the attempts. */
export function buildLogins(core: Core, own: OwnSenders | undefined, metrics: Metrics): Logins {
  const { config, log, clock, database, store, sealer, directory } = core
  const thrifty = thriftyAudit(core.audit, { store, mac: (text) => sealer.mac('audited', text) })
  const audit = countedAudit(thrifty, metrics)
  const { argon2, workers, max_queue: maxQueue } = config.password
  const locks = keyedStore(store, (key) => `password:${sealer.mac('password_lock', key)}`)
  const hashing = hasher({ parameters: argon2, workers, maxQueue })
  const passwords = buildPasswords({
    database,
    directory,
    hasher: hashing,
    store: locks,
    clock,
    policy: config.password,
  })
  const limitsOfAll = buildLimits({ store, rules: rules(config), mac: (text) => sealer.mac('limit', text) })
  const limits = countedLimits(limitsOfAll, metrics)
  const onOutcome = (vendor: string, outcome: string) => metrics.smsSent.inc({ vendor, outcome })
  const http = httpClient({ timeoutMs: outboundTimeoutMs, allowInsecure: config.sandbox })
  const { senders, countries } = config.sms
  const codes = otpCodes({
    store,
    sms: own && senders.length === 0 ? own.sms : buildSmsSender(senders, { http, clock, log, onOutcome }),
    mail: config.mail ? countedMail(smtpMail(config.mail), metrics) : own?.mail,
    limits,
    clock,
    options: {
      countries,
      mac: (text) => sealer.mac('otp', text),
      report: (error) => log.error({ err: error }, 'a code was not sent'),
    },
  })
  // Who registered by phone has no password: without a login by SMS that account would have no way in.
  const phone = config.login.methods.includes('sms') ? config.registration.phone : 'closed'
  const registration: RegistrationRules = { ...config.registration, phone }
  const options = { methods: config.login.methods, registration }
  const methods = loginMethods({ codes, passwords, directory, limits, options })
  const attempts = new LoginAttempts({
    methods,
    directory,
    passwords,
    store,
    audit,
    options: {
      clock,
      agreements: config.agreements.map(({ id, version }) => `${id}@${version}`),
      seal: (text) => sealer.seal(text, 'attempt'),
      open: (sealed) => sealer.open(sealed, 'attempt'),
      revokeUser: async (userId) => {
        await revokeUser(database, userId)
      },
    },
  })
  return { attempts, methods, passwords, hashing, registration, limits }
}
