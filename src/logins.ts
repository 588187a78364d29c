import { LoginAttempts } from '../interactions/attempt.ts'
import { AttemptRecords } from '../interactions/attempt-record.ts'
import { Bindings } from '../interactions/binding.ts'
import { Callbacks } from '../interactions/callbacks.ts'
import { buildConnectors, type ConnectionOptions } from '../interactions/methods/connections.ts'
import { otpCodes } from '../interactions/methods/otp.ts'
import type { RegistrationRules } from '../interactions/methods/register.ts'
import { bindingMethods, type LoginMethods, loginMethods } from '../interactions/methods/registry.ts'
import { type Hasher, hasher } from './accounts/hashing.ts'
import { passwords as buildPasswords, type Passwords } from './accounts/passwords.ts'
import { httpClient } from './base/http.ts'
import type { UserId } from './base/ids.ts'
import type { Core } from './core.ts'
import { countedAudit, countedLimits, countedMail } from './counted.ts'
import { rules } from './limit-rules.ts'
import type { MailSender } from './mail/sender.ts'
import { smtpMail } from './mail/smtp.ts'
import { revokeOthers, revokeUser } from './oidc/revoke-user.ts'
import { thriftyAudit } from './ops/audit-thrift.ts'
import { limits as buildLimits, type Limits } from './ops/limits.ts'
import type { Metrics } from './ops/metrics.ts'
import { buildSmsSender } from './sms/registry.ts'
import type { SmsSender } from './sms/sender.ts'
import { keyedStore } from './store/keyed.ts'

/** How people get in: the methods on offer and what decides about what they prove. */
export interface Logins {
  readonly attempts: LoginAttempts
  readonly callbacks: Callbacks
  readonly methods: LoginMethods
  readonly passwords: Passwords
  readonly hashing: Hasher
  /** The same for somebody who is signed in and adds a way in: methods and attempts that no login shares. */
  readonly bindings: Bindings
  /** Ends every session and token of a user but this session. Answers how many sessions ended. */
  readonly revokeOthers: (userId: UserId, sessionUid: string) => Promise<number>
  /** Who may make an account, and by what. */
  readonly registration: RegistrationRules
  /** Every limit of the product by name. */
  readonly limits: Limits<keyof ReturnType<typeof rules>>
}

/** What stands in where no vendor is configured. */
export interface StandIns {
  readonly sms: SmsSender
  readonly mail: MailSender
  readonly connections: readonly ConnectionOptions[]
}

const outboundTimeoutMs = 5000
const upstreamTimeoutMs = 10_000

/** Builds everything a login needs, from the senders of codes to the attempts. */
export function buildLogins(core: Core, own: StandIns | undefined, metrics: Metrics): Logins {
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
  const callbacks = new Callbacks({
    store,
    mac: (text) => sealer.mac('callback', text),
    seal: (text) => sealer.seal(text, 'callback'),
    open: (sealed) => sealer.open(sealed, 'callback'),
  })
  const connections = config.connections.length > 0 ? config.connections : (own?.connections ?? [])
  const upstreams = httpClient({ timeoutMs: upstreamTimeoutMs, allowInsecure: config.sandbox })
  // Who registered by phone has no password: without a login by SMS that account would have no way in.
  const phone = config.login.methods.includes('sms') ? config.registration.phone : 'closed'
  const registration = { ...config.registration, phone }
  const options = {
    methods: config.login.methods,
    connectors: buildConnectors(connections, { http: upstreams, clock, allowInsecure: config.sandbox }),
    callbacks,
    issuer: config.issuer,
    registration,
  }
  const methods = loginMethods({ codes, passwords, directory, limits, options })
  const channels = [
    ...(own || senders.length > 0 ? (['sms'] as const) : []),
    ...(own || config.mail ? (['email'] as const) : []),
  ]
  const forBinding = bindingMethods({ codes, options: { ...options, channels } })
  const common: Omit<ConstructorParameters<typeof LoginAttempts>[0], 'methods'> = {
    directory,
    passwords,
    records: new AttemptRecords({
      store,
      seal: (text) => sealer.seal(text, 'attempt'),
      open: (sealed) => sealer.open(sealed, 'attempt'),
    }),
    audit,
    options: {
      clock,
      agreements: config.agreements.map(({ id, version }) => `${id}@${version}`),
      sealCredential: (credential) => sealer.seal(credential, 'upstream_credential'),
      revokeUser: async (userId) => {
        await revokeUser(database, userId)
      },
    },
  }
  const bindingsOf = (table: LoginMethods) =>
    new Bindings({ ...common, methods: table, attempts: new LoginAttempts({ ...common, methods: table }) })
  return {
    attempts: new LoginAttempts({ ...common, methods }),
    callbacks,
    methods,
    passwords,
    hashing,
    registration,
    limits,
    bindings: bindingsOf(forBinding),
    revokeOthers: (userId, sessionUid) => revokeOthers(database, userId, sessionUid),
  }
}
