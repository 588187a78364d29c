import { accountFromJson } from '../../accounts/account-json.ts'
import type { Account } from '../../accounts/user.ts'
import { type Clock, epochSeconds } from '../../base/clock.ts'
import { type DurableModel, durableModels, type Payload } from '../library/stored-models.ts'
import { clientLoginsIn } from './client-login.ts'
import { GrantEndings } from './last-tokens.ts'
import { ReadSessions } from './read-sessions.ts'
import { type Changes, isNothing, type RecordStore, type RequiredConsent } from './record-store.ts'
import {
  type LogoutNotice,
  payloadOf,
  type RecordRow,
  recordId,
  type SessionChange,
  type Slide,
  type StoredRow,
} from './records.ts'
import { isUnchanged, sessionChange } from './session-changes.ts'
import { joinedSignIn, neededBy, type SignIn, withSignIns } from './sign-in.ts'
import type { LookUp } from './statements.ts'
import type { Use } from './successor.ts'
import { ConsumedValue, type UsedTokens, useSeconds } from './used-tokens.ts'

type Given = { readonly clock: Clock; readonly records: RecordStore; readonly used: UsedTokens }

/**
 * The reads and writes of one request. Reads are joined and remembered. Writes are collected and sent before the reply
 * as one statement, together with the compare-and-set of `consume`: either the value was consumed and what replaces it
 * exists, or neither happened.
 */
export class Unit {
  readonly #given: Given
  readonly #reads = new Map<string, Promise<Payload | undefined>>()
  readonly #tokens = new Map<string, Promise<StoredRow | undefined>>()
  readonly #abouts = new Map<string, string>()
  readonly #signIns = new Map<string, Partial<SignIn>>()
  readonly #logins: Partial<SignIn>[] = []
  readonly #inserts = new Map<string, RecordRow>()
  readonly #deletes = new Map<string, readonly [DurableModel, string]>()
  readonly #revokedGrants = new Set<string>()
  readonly #sessions = new Map<string, SessionChange>()
  readonly #slides: Slide[] = []
  readonly #notices: LogoutNotice[] = []
  readonly sessions = new ReadSessions()
  /** The accounts that this request has read, by user; undefined for one that is not there. */
  readonly accounts = new Map<string, Account | undefined>()
  readonly grantEndings = new GrantEndings()
  #consumed: ConsumedValue | undefined
  /** What this request is answered by; it has to stand until everything is written. */
  consent: RequiredConsent | undefined
  requestId: string | undefined
  roundTrips = 0

  constructor(given: Given) {
    this.#given = given
  }

  /** What was noted with the grant of a token that this request has read. */
  about(grantId: string): string | undefined {
    return this.#abouts.get(grantId)
  }

  /** With a session comes the grant that it holds of `client`, if that is given. */
  find(model: DurableModel, value: string, client?: string): Promise<Payload | undefined> {
    const id = recordId(model, value)
    const known = this.#reads.get(`${model}:${id}`)
    if (known) return known
    switch (model) {
      case 'Session':
        return this.#remember(model, id, this.#readSession('session', id, value, client))
      case 'Grant':
        return this.#remember(
          model,
          id,
          this.#read('grant', id).then((row) => row && payloadOf(row.payload, row.expires)),
        )
      case 'DeviceCode':
        return this.#remember(model, id, this.#readRelated('deviceCode', id))
      case 'RefreshToken':
        return this.#remember(model, id, this.#readRefreshToken(value, id))
      default:
        return this.#remember(model, id, this.#readToken(model, id))
    }
  }

  findSessionByUid(uid: string): Promise<Payload | undefined> {
    const key = `uid:${uid}`
    const known = this.#reads.get(key)
    if (known) return known
    const read = this.#readSession('sessionByUid', uid)
    this.#reads.set(key, read)
    return read
  }

  findDeviceCodeByUserCode(userCode: string): Promise<Payload | undefined> {
    return this.#readRelated('userCode', userCode)
  }

  save(row: RecordRow, payload: Payload): void {
    const key = `${row.model}:${row.id}`
    this.#inserts.set(key, row)
    this.#deletes.delete(key)
    this.#reads.set(key, Promise.resolve(payload))
  }

  /**
   * Notes who signed in and where, for a grant that is being saved; this takes precedence over what its session says.
   * Nothing may have ended the login since its proof began, or since `unendedSince`.
   */
  describe(grantId: string, about: Partial<SignIn>, unendedSince = about.begunAt): void {
    this.#signIns.set(grantId, about)
    this.#logins.push({ ...about, begunAt: unendedSince })
  }

  /**
   * Keeps a session. A session that was read in this request is changed in place, and only its own `authorizations`
   * entries are merged, so that two parallel sign-ons keep both entries. A session that was destroyed meanwhile is not
   * brought back.
   */
  saveSession(row: RecordRow, payload: Payload): void {
    const loaded = row.uid === null ? undefined : this.sessions.byCookie(row.uid)
    if (!loaded || row.uid === null) {
      this.save(row, payload)
      return
    }
    this.#deletes.delete(`Session:${loaded.id}`)
    const { uid, id, expiresAt } = row
    const about = joinedSignIn(loaded, { about: row.about, payload })
    const times = { nowSeconds: epochSeconds(this.#given.clock), usedSeconds: this.sessions.useOf(uid) }
    if (id === loaded.id && !about && isUnchanged(loaded.payload, payload, times)) return
    const change = sessionChange(loaded.payload, payload, { uid, id, expiresAt, ...(about ? { about } : {}) })
    this.#sessions.set(uid, change)
    this.#reads.set(`Session:${row.id}`, Promise.resolve(payload))
  }

  destroy(model: DurableModel, value: string): void {
    const id = recordId(model, value)
    const key = `${model}:${id}`
    this.#inserts.delete(key)
    this.#deletes.set(key, [model, id])
    this.#reads.set(key, Promise.resolve(undefined))
    if (model !== 'Session') return
    for (const [uid, session] of this.#sessions) if (session.id === id) this.#sessions.delete(uid)
  }

  /** Makes something live until `expiresAt`, in seconds since the epoch, if it would end earlier. */
  slide(model: DurableModel, value: string, expiresAt: number): void {
    this.#slides.push({ model, id: recordId(model, value), expiresAt })
  }

  /** Does the same for the session that a token read in this request is bound to. */
  slideSession(uid: string, expiresAt: number): void {
    const id = this.sessions.idOf(uid)
    if (id !== undefined) this.#slides.push({ model: 'Session', id, expiresAt })
  }

  consume(model: DurableModel, value: string): void {
    this.#consumed = new ConsumedValue(model, value)
  }

  /** Notes what replaces the consumed refresh token; answers what the new one has to keep of it, if anything. */
  replaceWith(successor: string): string | undefined {
    return this.#consumed?.replaceWith(successor)
  }

  /** When a code or refresh token was used and what replaced it; undefined if there is no such token. */
  useOf(model: DurableModel, value: string): Promise<Use | undefined> {
    this.roundTrips += 1
    return this.#given.used.useOf(model, value)
  }

  /** After a lost race: writes everything that does not depend on the lost value. */
  async flushWithout(model: DurableModel): Promise<void> {
    this.#consumed = undefined
    for (const [key, row] of this.#inserts) if (row.model === model) this.#inserts.delete(key)
    await this.flush()
  }

  /** For a request that was refused: it consumes nothing and issues nothing, but what it ended stays ended. */
  abandon(): void {
    this.#consumed = undefined
    this.#inserts.clear()
    this.#slides.length = 0
  }

  /** Ends a grant and everything issued from it, at once. */
  async endGrant(grantId: string): Promise<void> {
    this.roundTrips += 1
    await this.grantEndings.announce(await this.#given.records.endGrant(grantId))
  }

  revokeGrant(grantId: string): void {
    this.#revokedGrants.add(grantId)
  }

  /** Notes that a client is to be told of a logout, once this request has ended what it ends. */
  leaveNotice(notice: LogoutNotice): void {
    this.#notices.push(notice)
  }

  /**
   * Writes everything at once. Returns false if somebody else had consumed the value, or if the session or consent that
   * a grant is made from, or an identity a login was made with, is gone since it was read. Then nothing is added or
   * changed, but what this request ended stays ended.
   */
  async flush(): Promise<boolean> {
    const changes = this.#changes()
    if (isNothing(changes)) return true
    this.roundTrips += 1
    const { isAllowed, ended } = await this.#given.records.write(changes)
    if (ended) await this.grantEndings.announce(ended)
    return isAllowed
  }

  #changes(): Changes {
    const rows = withSignIns([...this.#inserts.values()], this.#sessions.values(), this.sessions, this.#signIns)
    return {
      rows,
      at: epochSeconds(this.#given.clock),
      consumed: this.#consumed,
      deletes: [...this.#deletes.values()],
      revokedGrants: [...this.#revokedGrants],
      sessions: [...this.#sessions.values()],
      slides: this.#slides,
      notices: this.#notices,
      // SECURITY: otherwise a session that is revoked meanwhile would leave a grant and its tokens behind.
      required: rows.some(({ model: kind }) => kind === 'Grant') ? this.sessions.uidsWithLogin() : [],
      consent: this.consent,
      needed: neededBy([...this.#inserts.values(), ...this.#sessions.values()], this.#logins),
      ...{ logins: clientLoginsIn(rows), requestId: this.requestId },
    }
  }

  #remember(model: DurableModel, id: string, read: Promise<Payload | undefined>): Promise<Payload | undefined> {
    this.#reads.set(`${model}:${id}`, read)
    // Whoever asks for this read is told if it fails. If nobody asks, the failure must not end the process.
    read.catch(() => {})
    return read
  }

  /**
   * One read serves every token model, because introspection and revocation ask for the same value in one model after
   * the other.
   */
  async #readToken(model: DurableModel, id: string): Promise<Payload | undefined> {
    const read = this.#tokens.get(id) ?? this.#read('token', id)
    this.#tokens.set(id, read)
    const row = await read
    return row?.model === durableModels[model] ? this.#related(row) : undefined
  }

  /** A used one that has no row is read as the newest of its family, so that what must be proved for it is the same. */
  async #readRefreshToken(value: string, id: string): Promise<Payload | undefined> {
    const stored = await this.#readToken('RefreshToken', id)
    const used = stored ? undefined : await this.#given.used.recall(value)
    return used ? { ...this.#related(used.row), consumed: useSeconds(used) } : stored
  }

  #readRelated(by: LookUp, value: string): Promise<Payload | undefined> {
    return this.#read(by, value).then((row) => row && this.#related(row))
  }

  async #readSession(by: LookUp, key: string, jti?: string, client?: string): Promise<Payload | undefined> {
    const row = await this.#read(by, client === undefined ? key : `${key} ${client}`)
    if (!row) return undefined
    this.#rememberBeside(row)
    const payload = payloadOf(row.payload, row.expires)
    const byCookie = jti !== undefined
    const { used, about } = row
    const read = { id: byCookie ? key : undefined, used, about, byCookie, payload: payloadOf(row.payload, row.expires) }
    if (row.uid) this.sessions.note(row.uid, read)
    if (row.uid && byCookie) this.#reads.set(`uid:${row.uid}`, Promise.resolve(payload))
    return payload
  }

  #related(row: StoredRow): Payload {
    const { session_uid, session_id, session_payload } = row
    const session = session_payload === null ? undefined : payloadOf(session_payload, row.session_expires ?? 0)
    if (session_uid) this.#reads.set(`uid:${session_uid}`, Promise.resolve(session))
    if (session_uid && session_id && session)
      this.sessions.note(session_uid, { id: session_id, used: row.session_used, payload: session, byCookie: false })
    this.#rememberBeside(row)
    const payload = payloadOf(row.payload, row.expires)
    if (row.consumed !== null) payload['consumed'] = row.consumed
    return payload
  }

  #rememberBeside({ user_id, account, grant_id, grant_payload, grant_expires, grant_about }: StoredRow): void {
    if (user_id) this.accounts.set(user_id, account ? accountFromJson(account) : undefined)
    if (!grant_id) return
    const grant = grant_payload === null ? undefined : payloadOf(grant_payload, grant_expires ?? 0)
    this.#reads.set(`Grant:${grant_id}`, Promise.resolve(grant))
    if (grant_about) this.#abouts.set(grant_id, grant_about)
  }

  #read(by: LookUp, value: string): Promise<StoredRow | undefined> {
    this.roundTrips += 1
    return this.#given.records.read(by, value)
  }
}
