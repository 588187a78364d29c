import { AccountMerges } from '../../interactions/account-merges.ts'
import { Admissions } from '../../interactions/admissions.ts'
import { LoginAttempts } from '../../interactions/attempt.ts'
import { AttemptMemories } from '../../interactions/attempt-memory.ts'
import { Bindings } from '../../interactions/binding.ts'
import { Callbacks } from '../../interactions/callbacks.ts'
import type { DeletionRequests } from '../../interactions/deletion-requests.ts'
import { LoginMerges } from '../../interactions/login-merges.ts'
import {
  bindingMethods,
  type LoginMethods,
  loginMethods,
  mergingMethods,
  nativeBindingMethods,
  nativeMergingMethods,
  nativeMethods,
} from '../../interactions/methods/method-registry.ts'
import { buildOneTapVendors, type OneTapOptions } from '../../interactions/methods/one-tap.ts'
import type { RegistrationRules } from '../../interactions/methods/register.ts'
import { spent as buildSpent } from '../../interactions/methods/spent-credentials.ts'
import type { NumberChanges } from '../../interactions/number-changes.ts'
import { NumberDoubts } from '../../interactions/number-doubts.ts'
import { NumberOwners } from '../../interactions/number-owners.ts'
import { OtherAccounts } from '../../interactions/other-accounts.ts'
import type { SettlementDependencies } from '../../interactions/settlement.ts'
import { buildConnectors, type ConnectionOptions } from '../../interactions/upstreams/connections.ts'
import type { Connector } from '../../interactions/upstreams/connector.ts'
import { aliyunNumberCheck, type NumberCheckOptions } from '../../interactions/upstreams/number-check-aliyun.ts'
import { sharedTexts } from '../../interactions/upstreams/shared-texts.ts'
import type { Guard } from '../abuse/abuse-guard.ts'
import type { DeletionOptions } from '../accounts/deletion-options.ts'
import { disposableMail } from '../accounts/disposable-mail.ts'
import type { Hasher } from '../accounts/hashing.ts'
import { identityLimit } from '../accounts/identity-limit.ts'
import { type KeptCredentials, keptCredentials } from '../accounts/kept-credentials.ts'
import { KnownDevices } from '../accounts/known-devices.ts'
import { passNumberOn } from '../accounts/number-passing.ts'
import type { Passwords } from '../accounts/passwords.ts'
import type { AfterAnswer } from '../base/after-answer.ts'
import { documentVersion } from '../base/document.ts'
import { httpClient } from '../base/http.ts'
import type { Config } from '../config/config.ts'
import type { LimitName } from '../config/limit-rules.ts'
import { stayAfterAll } from '../oidc/endings/account-leaving.ts'
import { type EndRecords, endRecords } from '../oidc/endings/endings.ts'
import { type Merging, merging } from '../oidc/endings/merging.ts'
import type { Limits } from '../ops/limits.ts'
import { loginPlaces } from '../ops/login-places.ts'
import type { Metrics } from '../ops/metrics.ts'
import { metadataClient } from '../sms/vendor-keys.ts'
import { sealing } from '../store/seal.ts'
import { buildNumberChanges } from './changed-numbers.ts'
import type { Core } from './core.ts'
import { countedAudit, countedMerging } from './counted-outcomes.ts'
import { buildDeletion } from './deletion.ts'
import type { Face } from './face.ts'
import { type Alarms, buildAlarms, buildAllLimits, buildGuard } from './guards.ts'
import { buildMessages, type MessageStandIns, type Messages } from './messages.ts'
import { buildOwnChallenges, type HumanChecksByPlace } from './own-challenges.ts'
import { buildPasswordParts } from './password-parts.ts'

/** Ways of one kind, and the attempts that walk them. */
interface Ways {
  readonly attempts: LoginAttempts
  readonly methods: LoginMethods
}

/** Every limit of the product by name. */
type AllLimits = Limits<LimitName>
type AllGuard = Guard<LimitName>

/** How people get in: the methods on offer and what decides about what they prove. */
export interface Logins extends Ways {
  readonly callbacks: Callbacks
  readonly passwords: Passwords
  readonly hashing: Hasher
  /** The same for somebody who is signed in and adds a way in: methods and attempts that no login shares. */
  readonly bindings: Bindings
  /** Merges accounts and takes it back. */
  readonly merging: Merging
  /** The same for somebody who proves another account of theirs. */
  readonly others: OtherAccounts
  /** All of it for apps that draw their own screens. */
  readonly native: Ways & { readonly bindings: Bindings; readonly others: OtherAccounts }
  readonly changes: NumberChanges
  /** Does the changes of numbers that have waited. */
  readonly applyDue: () => Promise<void>
  readonly end: EndRecords
  readonly deletion: DeletionRequests
  readonly devices: KnownDevices
  /** Who may make an account, and by what. */
  readonly registration: RegistrationRules
  readonly limits: AllLimits
  /** What is sent after an answer. */
  readonly background: AfterAnswer
  readonly connectors: readonly Connector[]
  /** What there is a sender for. */
  readonly channels: Messages['channels']
  /** Challenges of our own, and of a vendor. */
  readonly checks: HumanChecksByPlace
  /** Names of the vendors that ask the carrier for a number. */
  readonly oneTap: readonly string[]
  readonly credentials: KeptCredentials
  /** Looks how many messages of the day are used. */
  readonly measure: () => Promise<void>
  /** Tells owners of accounts what is due. */
  readonly tellOwners: Messages['tellOwners']
  readonly deliverAlarms: Alarms['deliver']
}

/** What stands in where no vendor is configured. */
export interface StandIns extends MessageStandIns {
  readonly connections: readonly ConnectionOptions[]
  readonly oneTap: readonly OneTapOptions[]
  /** What is asked before an account is deleted, where nothing is configured. */
  readonly deletionHook: NonNullable<DeletionOptions['hook']>
  /** Asks the carriers whether a number was given to somebody else, where nothing is configured. */
  readonly numberCheck: NumberCheckOptions
}

/** The connections in force: the stand-ins, where none is configured. */
export function connectionsOf({ connections }: Config, standIns: StandIns | undefined): readonly ConnectionOptions[] {
  return connections.length > 0 ? connections : (standIns?.connections ?? [])
}

const upstreamTimeoutMs = 10_000

interface LoginParts {
  readonly metrics: Metrics
  readonly face: Face
}

/** Builds everything a login needs, from the senders of codes to the attempts. */
export function buildLogins(core: Core, standIns: StandIns | undefined, parts: LoginParts): Logins {
  const { config, log, clock, database, store, sealer, directory } = core
  const { metrics, face } = parts
  const limits = buildAllLimits(core, metrics)
  const { alarm, deliver: deliverAlarms } = buildAlarms(core, metrics)
  const guard = buildGuard(core, { limits, metrics, alarm })
  const messages = buildMessages(core, standIns, { limits, guard, alarm, metrics, face })
  const { hashing, passwords } = buildPasswordParts(core, { guard, metrics, background: messages.background })
  const callbacks = new Callbacks({ store, ...sealing(sealer, 'callback') })
  const end: EndRecords = (...given) => endRecords({ database, clock }, ...given)
  const registration = registrationOf(config)
  const credentials = keptCredentials({ database, sealer })
  const isDisposable = disposableMail(config.registration.disposable_mail)
  const tables = buildMethods(core, standIns, { guard, passwords, messages, callbacks, registration, isDisposable })
  const memories = new AttemptMemories({ store, ...sealing(sealer, 'attempt') })
  const limitOf = identityLimit(config.identities_per_provider)
  const merges = countedMerging(merging({ database, clock, limitOf, tell: core.queueOwnerMessage }), metrics)
  const doubts = buildDoubts(core, standIns, { limits, passwords })
  const accountMerges = new AccountMerges({ directory, passwords, memories, merging: merges, doubts, clock, limitOf })
  const loginMerges = new LoginMerges({ directory, memories, merges: accountMerges, clock })
  const common: SettlementDependencies = {
    directory,
    passwords,
    memories,
    audit: countedAudit(core.audit, metrics, guard),
    doubts,
    admissions: new Admissions({ database, clock, limits, guard, isDisposable }),
    options: {
      clock,
      agreements: config.agreements.map(documentVersion),
      keepCredential: credentials.keep,
      end,
      passNumber: (passing, alongside) => passNumberOn({ database, tell: core.queueOwnerMessage }, passing, alongside),
      stay: (userId, actor) => stayAfterAll(core, userId, actor),
    },
  }
  const ways = (methods: LoginMethods): Ways => ({
    methods,
    attempts: new LoginAttempts({ ...common, merges: loginMerges, guard, log, methods }),
  })
  const bindings = (methods: LoginMethods) => new Bindings({ ...common, ...ways(methods) })
  const others = (methods: LoginMethods) => new OtherAccounts({ ...ways(methods), merges: accountMerges, clock })
  const browserBindings = bindings(tables.binding)
  const { attempts } = ways(tables.binding)
  return {
    ...ways(tables.login),
    callbacks,
    connectors: tables.connectors,
    channels: messages.channels,
    checks: buildOwnChallenges(core, { limits, metrics, face }),
    oneTap: tables.oneTap,
    credentials,
    passwords,
    hashing,
    registration,
    limits,
    background: messages.background,
    measure: messages.measure,
    tellOwners: messages.tellOwners,
    deliverAlarms,
    bindings: browserBindings,
    ...buildNumberChanges(core, {
      ...{ passwords, end, bindings: browserBindings, attempts, memories, doubts },
      owners: new NumberOwners(common),
    }),
    merging: merges,
    others: others(tables.merging),
    native: {
      ...ways(tables.native),
      bindings: bindings(tables.nativeBinding),
      others: others(tables.nativeMerging),
    },
    end,
    deletion: buildDeletion(core, limits, standIns?.deletionHook),
    devices: new KnownDevices({
      ...{ database, clock, tell: core.queueOwnerMessage, ...sealing(sealer, 'known_device') },
      placeOf: loginPlaces({ knex: database.knex, places: core.places }),
    }),
  }
}

/** What decides whether a number leads to whom it led to before. */
function buildDoubts(
  { config, clock, directory, log }: Core,
  standIns: StandIns | undefined,
  parts: Pick<Logins, 'limits' | 'passwords'>,
): NumberDoubts {
  const { reverify_after: reverifyAfter, without_other_way: withoutOtherWay, carrier_check } = config.phone
  const asked = carrier_check[0] ?? standIns?.numberCheck
  const http = httpClient({ timeoutMs: upstreamTimeoutMs, allowInsecure: config.sandbox })
  const check =
    asked && aliyunNumberCheck(asked, { ...{ http, clock }, metadata: metadataClient(), allowInsecure: config.sandbox })
  const mostNumbers = identityLimit(config.identities_per_provider)('phone')
  const numbers = { reverifyAfter, withoutOtherWay, mostNumbers, check }
  return new NumberDoubts({ directory, log, ...parts, options: { clock, numbers } })
}

/** An account that was registered by phone has no password: without a login by SMS it would have no way in. */
function registrationOf({ login, registration }: Config) {
  return { ...registration, phone: login.methods.includes('sms') ? registration.phone : ('closed' as const) }
}

interface MethodParts extends Pick<Logins, 'passwords' | 'callbacks'> {
  readonly guard: AllGuard
  readonly messages: Messages
  readonly registration: ReturnType<typeof registrationOf>
  readonly isDisposable: (address: string) => boolean
}

/** The tables of methods: logging in, adding a way in and proving another account, each in browsers and in apps. */
function buildMethods({ config, clock, store, sealer }: Core, standIns: StandIns | undefined, parts: MethodParts) {
  const { guard, passwords, messages, callbacks, registration, isDisposable } = parts
  const { codes, channels } = messages
  const outside = {
    http: httpClient({ timeoutMs: upstreamTimeoutMs, allowInsecure: config.sandbox }),
    metadata: metadataClient(),
    clock,
    allowInsecure: config.sandbox,
  }
  const shared = sharedTexts({ store, ...sealing(sealer, 'shared') })
  const spent = buildSpent({ store, clock, mac: (text) => sealer.mac('spent', text) })
  const oneTap = config.one_tap.length > 0 ? config.one_tap : (standIns?.oneTap ?? [])
  const connectors = buildConnectors(connectionsOf(config, standIns), { ...outside, shared })
  const options = {
    methods: config.login.methods,
    connectors,
    oneTap: buildOneTapVendors(oneTap, outside),
    callbacks,
    issuer: config.issuer,
    registration,
    channels,
  }
  return {
    connectors,
    oneTap: options.oneTap.map(({ vendor }) => vendor),
    login: loginMethods({ codes, passwords, guard, options: { ...options, isDisposable } }),
    binding: bindingMethods({ codes, options }),
    merging: mergingMethods({ codes, passwords, options }),
    native: nativeMethods({ codes, passwords, spent, options }),
    nativeBinding: nativeBindingMethods({ codes, spent, options }),
    nativeMerging: nativeMergingMethods({ codes, passwords, spent, options }),
  }
}
