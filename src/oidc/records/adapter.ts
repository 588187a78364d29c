import { type Clock, epochSeconds } from '../../base/clock.ts'
import type { EphemeralStore } from '../../store/ephemeral.ts'
import { isJsonb } from '../../store/jsonb.ts'
import type { ReplayMarks } from '../../store/replay-marks.ts'
import type { Sealer } from '../../store/seal.ts'
import { currentContext, grantedProtocolScope, namedClient } from '../library/context.ts'
import { errors } from '../library/faults.ts'
import { keepStacks, leaveOutStacks } from '../library/stacks.ts'
import { type DurableModel, durableModels, type Payload } from '../library/stored-models.ts'
import { atUserinfo, protocolScopeMember } from './api-tokens.ts'
import type { Browsers } from './browsers.ts'
import { openDeviceCode, sealDeviceCode } from './device-code.ts'
import { familyBehind, livesSince } from './family-life.ts'
import { familyIn } from './family-tokens.ts'
import { payloadOf, type RecordRow, recordId } from './records.ts'
import { type RetrySeconds, withGrace } from './rotation.ts'
import type { Unit } from './unit.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** Models whose rows may get lost: the only harm is that a login or a request has to be started again. */
const ephemeralModels = ['Interaction', 'PushedAuthorizationRequest', 'ReplayDetection'] as const
type EphemeralModel = (typeof ephemeralModels)[number]

/** What the adapter of the library works with. */
export interface AdapterDependencies {
  readonly units: UnitOfWork
  readonly store: EphemeralStore
  readonly marks: ReplayMarks
  readonly sealer: Sealer
  readonly clock: Clock
  readonly browsers: Pick<Browsers, 'tie' | 'holds'>
  /** What an access token that is a JWT of ours stands for; undefined for any other text. */
  readonly ownJwt: (value: string) => Promise<Payload | undefined>
  readonly retrySeconds: RetrySeconds
}

/** What the library asks of a store, for one model. */
export interface Adapter {
  upsert(id: string, payload: Payload, expiresIn: number): Promise<void>
  find(id: string): Promise<Payload | undefined>
  findByUid(uid: string): Promise<Payload | undefined>
  findByUserCode(userCode: string): Promise<Payload | undefined>
  consume(id: string): Promise<void>
  destroy(id: string): Promise<void>
  revokeByGrantId(grantId: string): Promise<void>
}

/**
 * Says where each model of the library is stored. Clients are not stored here, because the provider is built with them.
 * A model that is neither durable nor ephemeral belongs to a feature that is off.
 */
export function adapterFactory(dependencies: AdapterDependencies): (model: string) => Adapter {
  return (model) => {
    if (model in durableModels) return durableAdapter(model as DurableModel, dependencies)
    if ((ephemeralModels as readonly string[]).includes(model)) {
      return ephemeralAdapter(model as EphemeralModel, dependencies)
    }
    return absentAdapter(model)
  }
}

function durableAdapter(
  model: DurableModel,
  { units, sealer, clock, ownJwt, retrySeconds }: AdapterDependencies,
): Adapter {
  /** Outside a request (in a command or a test) each call counts as a request of its own. */
  async function within<T>(work: (unit: Unit) => T | Promise<T>): Promise<T> {
    const running = units.current()
    if (running) return work(running)
    let answer: T | undefined
    const won = await units.run(async (unit) => {
      answer = await work(unit)
    })
    if (!won) throw new errors.InvalidGrant('already consumed')
    return answer as T
  }

  /**
   * A digest cannot be turned back into its value, so the value that was asked for is put into the payload that was
   * found; and so is what a row need not say twice.
   */
  const withId = (payload: Payload | undefined, jti: string) => payload && { ...payload, kind: model, jti }

  /**
   * SECURITY: the library looks at what it finds with the tolerance that is meant for the clocks of clients: tokens and
   * sessions would live so much longer than they say. Codes, refresh tokens and grants it compares to the second, and
   * tells that they have expired.
   */
  const alive = (payload: Payload | undefined) =>
    toTheSecond.has(model) && Number(payload?.['exp']) <= epochSeconds(clock) ? undefined : payload

  /** A JWT has dots, an opaque token has none. */
  async function userinfoToken(unit: Unit, value: string): Promise<Payload | undefined> {
    const found = alive(value.includes('.') ? await ownJwt(value) : await unit.find('AccessToken', value))
    // The library now looks at token, client and account, and asks for the grant when it has no more errors to make.
    leaveOutStacks()
    return withId(found && atUserinfo(found), value)
  }

  function row(value: string, payload: Payload, expiresIn: number, repeatable: string | undefined): RecordRow {
    const { jti, userCode, ...named } = payload
    // The row says itself of which model it is and when it ends. A session is compared as a whole with what was read.
    const { kind, exp, ...unnamed } = named
    const rest = model === 'Session' ? named : unnamed
    const family = model === 'AccessToken' ? familyBehind(currentContext()) : undefined
    const isForApi = model === 'AccessToken' && payload['aud'] !== undefined
    const kept = {
      ...rest,
      ...(isForApi ? protocolScopeMember(grantedProtocolScope(currentContext())) : {}),
      ...(family === undefined ? {} : { familySince: family }),
      ...(model === 'RefreshToken' ? { family: familyIn(value)?.family, repeatable } : {}),
      ...(model === 'DeviceCode' ? sealDeviceCode(sealer, payload) : {}),
    }
    return {
      model,
      id: recordId(model, value),
      payload: stored(kept),
      grantId: model === 'Grant' ? null : text(payload['grantId']),
      uid: model === 'Session' ? text(payload['uid']) : null,
      userCode: model === 'DeviceCode' && userCode !== undefined ? sealer.mac('user_code', String(userCode)) : null,
      sessionUid: text(payload['sessionUid']),
      userId: text(payload['accountId']),
      expiresAt: typeof payload['exp'] === 'number' ? payload['exp'] : epochSeconds(clock) + expiresIn,
      since: livesSince(model, payload),
      ...(model === 'Session' ? describedLogin() : {}),
    }
  }

  return {
    upsert: (value, payload, expiresIn) =>
      within((unit) => {
        const repeatable = model === 'RefreshToken' ? unit.replaceWith(value) : undefined
        const next = row(value, payload, expiresIn, repeatable)
        if (model === 'Session') unit.saveSession(next, payload)
        else unit.save(next, payloadOf(next.payload, next.expiresAt))
      }),
    find: (value) =>
      within(async (unit) => {
        if (model === 'AccessToken' && currentContext()?.oidc?.route === 'userinfo') return userinfoToken(unit, value)
        keepStacks()
        const payload = await unit.find(model, value, namedClient(currentContext()))
        if (model === 'DeviceCode') return openDeviceCode(sealer, payload)
        if (model !== 'RefreshToken') return withId(alive(payload), value)
        const times = { nowSeconds: epochSeconds(clock), retrySeconds }
        return withId(withGrace(payload, currentContext()?.oidc?.route, times), value)
      }),
    findByUid: (uid) => within(async (unit) => alive(await unit.findSessionByUid(uid))),
    findByUserCode: (userCode) =>
      within(async (unit) =>
        openDeviceCode(sealer, await unit.findDeviceCodeByUserCode(sealer.mac('user_code', userCode))),
      ),
    consume: (value) => within((unit) => unit.consume(model, value)),
    destroy: (value) => within((unit) => unit.destroy(model, value)),
    revokeByGrantId: (grantId) => within((unit) => unit.revokeGrant(grantId)),
  }
}

/** Models whose end nobody but this looks at to the second. */
const toTheSecond: ReadonlySet<DurableModel> = new Set(['Session', 'AccessToken', 'ClientCredentials'])

/** DPoP proofs and client assertions are refused for at least this long after they were seen once. */
const replayMarkSeconds = 660

/** Packing is worth the work from this many characters on; most of what clients send is shorter. */
const packsFrom = 1200

function ephemeralAdapter(model: EphemeralModel, dependencies: AdapterDependencies): Adapter {
  const { store, marks, sealer, clock, browsers } = dependencies
  const key = (value: string) => `oidc:${model}:${sealer.mac('ephemeral_key', value)}`
  const usedKey = (value: string) => `${key(value)}:used`

  return {
    // SECURITY: sealed, because an interaction carries the id of the browser's session.
    upsert: async (value, payload, expiresIn) => {
      if (model === 'ReplayDetection') {
        if (expiresIn > replayMarkSeconds) await marks.set(key(value), 1, expiresIn)
        return
      }
      const kept = model === 'Interaction' ? { ...payload, browser: browsers.tie() } : payload
      await store.set(key(value), sealer.seal(stored(kept), model, { packsFrom }), expiresIn)
    },
    find: async (value) => {
      if (model === 'ReplayDetection') {
        // SECURITY: this look-up also sets the mark. When two equal proofs come at once, only one of them finds no
        // mark.
        const first = await marks.add(key(value), 1, replayMarkSeconds)
        return first ? undefined : { jti: value, exp: epochSeconds(clock) + replayMarkSeconds }
      }
      const sealed = await store.get<string>(key(value))
      if (sealed === undefined) return undefined
      const { browser, ...payload } = JSON.parse(sealer.open(sealed, model)) as Payload
      // SECURITY: the check is here because every route, ours and the library's, reads its interaction here.
      return model !== 'Interaction' || browsers.holds(browser) ? payload : undefined
    },
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: async (value) => {
      const first = await store.add(usedKey(value), 1, replayMarkSeconds)
      if (!first) throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used')
    },
    destroy: async (value) => {
      await store.delete(key(value))
    },
    revokeByGrantId: async () => {},
  }
}

function absentAdapter(model: string): Adapter {
  const refuse = async () => {
    throw new Error(`no place is configured for ${model}`)
  }
  return {
    upsert: refuse,
    find: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: async () => {},
  }
}

/** Who signed in and where, if the running request brings the result of a login to its session. */
function describedLogin(): { readonly about?: string } {
  const login = currentContext()?.oidc?.result?.login as { readonly about?: unknown } | undefined
  return login?.about === undefined ? {} : { about: JSON.stringify(login.about) }
}

/**
 * The JSON that is stored. Throws `invalid_request` if a client sent something that no query could read again. This
 * also applies to an interaction, so that the refusal comes before anybody has logged in.
 */
function stored(payload: Payload): string {
  const json = JSON.stringify(payload)
  if (!isJsonb(json)) throw new errors.InvalidRequest('parameters must not contain NUL or unpaired surrogates')
  return json
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
