import { LoginAttempts } from '../../interactions/attempt.ts'
import { AttemptMemories } from '../../interactions/attempt-memory.ts'
import { Bindings } from '../../interactions/binding.ts'
import { Callbacks } from '../../interactions/callbacks.ts'
import { messageBudget } from '../../interactions/methods/message-budget.ts'
import {
  bindingMethods,
  type LoginMethods,
  loginMethods,
  nativeBindingMethods,
  nativeMethods,
} from '../../interactions/methods/method-registry.ts'
import { buildOneTapVendors, type OneTapOptions } from '../../interactions/methods/one-tap.ts'
import { otpCodes } from '../../interactions/methods/otp.ts'
import type { RegistrationRules } from '../../interactions/methods/register.ts'
import { spent as buildSpent } from '../../interactions/methods/spent-credentials.ts'
import { buildConnectors, type ConnectionOptions } from '../../interactions/upstreams/connections.ts'
import { sharedTexts } from '../../interactions/upstreams/shared-texts.ts'
import { type Hasher, hasher } from '../accounts/hashing.ts'
import { KnownDevices } from '../accounts/known-devices.ts'
import { passwords as buildPasswords, type Passwords } from '../accounts/passwords.ts'
import { type AfterAnswer, afterAnswer } from '../base/after-answer.ts'
import { documentVersion } from '../base/document.ts'
import { httpClient } from '../base/http.ts'
import type { Config } from '../config/config.ts'
import { rules } from '../config/limit-rules.ts'
import type { MailSender } from '../mail/mail-sender.ts'
import { smtpMail } from '../mail/smtp.ts'
import { type EndRecords, endRecords } from '../oidc/endings/endings.ts'
import { budgetAlarm } from '../ops/alarm.ts'
import { limits as buildLimits, type Limits } from '../ops/limits.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { SmsSender } from '../sms/sms-sender.ts'
import { buildSmsSender } from '../sms/sms-senders.ts'
import { keyedStore } from '../store/keyed-store.ts'
import { sealing } from '../store/seal.ts'
import type { Core } from './core.ts'
import { countedAudit, countedMail } from './counted-outcomes.ts'

/** Ways of one kind, and the attempts that walk them. */
interface Ways {
  readonly attempts: LoginAttempts
  readonly methods: LoginMethods
}

/** How people get in: the methods on offer and what decides about what they prove. */
export interface Logins extends Ways {
  readonly callbacks: Callbacks
  readonly passwords: Passwords
  readonly hashing: Hasher
  /** The same for somebody who is signed in and adds a way in: methods and attempts that no login shares. */
  readonly bindings: Bindings
  /** Both for apps that draw their own screens. */
  readonly native: Ways & { readonly bindings: Bindings }
  readonly end: EndRecords
  readonly devices: KnownDevices
  /** Who may make an account, and by what. */
  readonly registration: RegistrationRules
  /** Every limit of the product by name. */
  readonly limits: Limits<keyof ReturnType<typeof rules>>
  /** What is sent after an answer. */
  readonly background: AfterAnswer
  /** Looks how many messages of the day are used. */
  readonly measure: () => Promise<void>
}

/** What stands in where no vendor is configured. */
export interface StandIns {
  readonly sms: SmsSender
  readonly mail: MailSender
  readonly connections: readonly ConnectionOptions[]
  readonly oneTap: readonly OneTapOptions[]
}

/** The connections in force: the stand-ins, where none is configured. */
export function connectionsOf({ connections }: Config, own: StandIns | undefined): readonly ConnectionOptions[] {
  return connections.length > 0 ? connections : (own?.connections ?? [])
}

const outboundTimeoutMs = 5000
const upstreamTimeoutMs = 10_000

/** Builds everything a login needs, from the senders of codes to the attempts. */
export function buildLogins(core: Core, own: StandIns | undefined, metrics: Metrics): Logins {
  const { config, log, clock, database, store, sealer, directory } = core
  const audit = countedAudit(core.audit, metrics)
  const { argon2, workers, max_queue: maxQueue } = config.password
  const locks = keyedStore(store, (key) => `password:${sealer.mac('password_lock', key)}`)
  const hashing = hasher({ parameters: argon2, workers, maxQueue })
  const limits = buildLimits({
    store,
    rules: rules(config),
    mac: (text) => sealer.mac('limit', text),
    factors: config.limits.networks,
    onRefused: (limit) => metrics.limited.inc({ limit }),
  })
  const passwords = buildPasswords({
    database,
    directory,
    hasher: hashing,
    store: locks,
    limits,
    clock,
    policy: config.password,
  })
  const onOutcome = (vendor: string, outcome: string) => metrics.smsSent.inc({ vendor, outcome })
  const http = httpClient({ timeoutMs: outboundTimeoutMs, allowInsecure: config.sandbox })
  const { senders, countries } = config.sms
  const alarm = budgetAlarm({
    store,
    clock,
    log,
    gauge: (limit, share) => metrics.limitUsed.set({ limit }, share),
    quietSeconds: 86_400,
  })
  const budget = messageBudget({ limits, onUsed: alarm })
  const background = afterAnswer({ report: (error) => log.error({ err: error }, 'a code was not sent') })
  const codes = otpCodes({
    store,
    sms: own && senders.length === 0 ? own.sms : buildSmsSender(senders, { http, clock, log, onOutcome }),
    mail: config.mail ? countedMail(smtpMail(config.mail), metrics) : own?.mail,
    budget,
    ownerOf: ({ channel, to }, device) =>
      directory.findByIdentifier({ provider: channel === 'sms' ? 'phone' : 'email', subject: to }, device),
    background,
    clock,
    options: { countries, mac: (text) => sealer.mac('otp', text) },
  })
  const callbacks = new Callbacks({
    store,
    ...sealing(sealer, 'callback'),
  })
  const connections = connectionsOf(config, own)
  const upstreams = httpClient({ timeoutMs: upstreamTimeoutMs, allowInsecure: config.sandbox })
  // An account that was registered by phone has no password: without a login by SMS it would have no way in.
  const phone = config.login.methods.includes('sms') ? config.registration.phone : 'closed'
  const registration = { ...config.registration, phone }
  const vendors = config.one_tap.length > 0 ? config.one_tap : (own?.oneTap ?? [])
  const outside = { http: upstreams, clock, allowInsecure: config.sandbox }
  const shared = sharedTexts({
    store,
    ...sealing(sealer, 'shared'),
  })
  const spent = buildSpent({ store, mac: (text) => sealer.mac('spent', text) })
  const options = {
    methods: config.login.methods,
    connectors: buildConnectors(connections, { ...outside, shared }),
    oneTap: buildOneTapVendors(vendors, outside),
    callbacks,
    issuer: config.issuer,
    registration,
  }
  const channels = [
    ...(own || senders.length > 0 ? (['sms'] as const) : []),
    ...(own || config.mail ? (['email'] as const) : []),
  ]
  const end: EndRecords = (...given) => endRecords({ database, clock }, ...given)
  const common: Omit<ConstructorParameters<typeof LoginAttempts>[0], 'methods'> = {
    directory,
    passwords,
    memories: new AttemptMemories({
      store,
      ...sealing(sealer, 'attempt'),
    }),
    audit,
    limits,
    log,
    options: {
      clock,
      agreements: config.agreements.map(documentVersion),
      sealCredential: (credential) => sealer.seal(credential, 'upstream_credential'),
      end,
    },
  }
  const walked = (methods: LoginMethods): Ways => ({ methods, attempts: new LoginAttempts({ ...common, methods }) })
  const bindingsOf = (methods: LoginMethods) => new Bindings({ ...common, ...walked(methods) })
  return {
    ...walked(loginMethods({ codes, passwords, limits, options })),
    callbacks,
    passwords,
    hashing,
    registration,
    limits,
    background,
    measure: budget.measure,
    bindings: bindingsOf(bindingMethods({ codes, options: { ...options, channels } })),
    native: {
      ...walked(nativeMethods({ codes, passwords, spent, options })),
      bindings: bindingsOf(nativeBindingMethods({ codes, spent, options: { ...options, channels } })),
    },
    end,
    devices: new KnownDevices({ database, clock, ...sealing(sealer, 'known_device') }),
  }
}
