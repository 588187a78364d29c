import { randomBytes } from 'node:crypto'
import { isSameSecret } from '../../base/same-secret.ts'
import type { Sealer } from '../../store/seal.ts'
import type { Payload } from '../library/stored-models.ts'
import { recordId } from './records.ts'
import { hideSuccessor, revealSuccessor } from './successor.ts'

/** A refresh token: what it hangs on, how many were before it, and the key that whoever presents it must prove. */
interface Bound {
  readonly grantId?: string | undefined
  readonly rotations?: number | undefined
  readonly jkt?: string | undefined
  readonly 'x5t#S256'?: string | undefined
  readonly attestationJkt?: string | undefined
}

/** A refresh token that has a row, as it is read to tell whether another one is of its family. */
export interface FamilyRow {
  readonly id: string
  readonly payload: string
  /** Seconds since the epoch; null while it is unused. */
  readonly consumed: number | null
}

/** What is known of a used refresh token that has no row any more. */
export interface ForgottenToken<Row extends FamilyRow = FamilyRow> {
  readonly grantId: string
  /** That of the newest token of its family. */
  readonly row: Row
  /** When it was used, at the latest, in seconds since the epoch. */
  readonly usedAt: number
  /** What it brought, as long as that is unused. */
  readonly next: string | undefined
}

/** Makes refresh tokens that need no row once they were used, and knows them again. */
export interface FamilyTokens {
  /** The value of a new token, of the family of `former` if there is one; undefined for a token without a grant. */
  make(token: Bound, former: string | undefined): string | undefined
  /**
   * Finds what a token is by the rows of its grant; undefined where it is of none of their families, or not ours. Also
   * where it is newer than all of them: after a failover or a restore the database knows less than its clients.
   */
  recall<Row extends FamilyRow>(value: string, rows: readonly Row[]): ForgottenToken<Row> | undefined
}

/**
 * Letters of base64url, of 6 bits each: the grant, the family within that, how many were before, what is random, and
 * the mark by which a token is known as ours. Together they are 64 where the grant was made by this version.
 */
const letters = { family: 6, place: 3, random: 17, mark: 16 } as const
const own = letters.place + letters.random + letters.mark
const shape = /^(?<grantId>[\w-]{22,43})(?<family>[\w-]{6})(?<place>[\w-]{3})[\w-]{33}$/
const lastPlace = 2 ** 18 - 1

/** What a refresh token says of itself. */
interface Named {
  readonly grantId: string
  readonly family: string
  readonly place: string
}

/**
 * The grant and family that a refresh token names; undefined for a token that is only random, as they were made before.
 * Anybody can make a value that names a grant: only `recall` tells whether it was a token.
 */
export function familyIn(value: string): Named | undefined {
  return shape.exec(value)?.groups as Named | undefined
}

function placeOf({ rotations = 0 }: Bound): number {
  return Math.min(rotations, lastPlace)
}

function lettersOf(place: number): string {
  return Buffer.from([place >> 10, place >> 2, place << 6])
    .toString('base64url')
    .slice(0, letters.place)
}

function numberOf(place: string): number {
  return Buffer.from(`${place}A`, 'base64url').readUIntBE(0, 3) >> 6
}

/**
 * What the successor of a token keeps, so that whoever has the old token can get the successor from it; undefined where
 * they do not name the same family, and the used one must keep its row.
 */
export function repeatableFor(old: string, successor: string): string | undefined {
  const isOneFamily = familyIn(old) !== undefined && old.slice(0, -own) === successor.slice(0, -own)
  return isOneFamily ? hideSuccessor(old, successor.slice(-letters.random - letters.mark, -letters.mark)) : undefined
}

/** `mac` and `macEach` are keyed by the master key. */
export function familyTokens({ mac, macEach }: Pick<Sealer, 'mac' | 'macEach'>): FamilyTokens {
  const purpose = 'refresh_token'
  const markOf = (digest: string) => digest.slice(0, letters.mark)
  const marksOf = (unmarked: string, bound: Bound) => macEach(purpose, marked(unmarked, bound)).map(markOf)
  const marked = (unmarked: string, bound: Bound) =>
    [unmarked, bound.jkt, bound['x5t#S256'], bound.attestationJkt].join(' ')

  /**
   * SECURITY: without the mark anybody who knows the id of a grant could end it, and somebody without the key that a
   * token is bound to could with that token.
   */
  function isOurs(value: string, bound: Bound): boolean {
    const marks = marksOf(value.slice(0, -letters.mark), bound)
    return marks.some((mark) => isSameSecret(mark, value.slice(-letters.mark)))
  }

  /** The token of a row, for whoever has the one before it; undefined for anybody else. */
  function successorIn(id: string, payload: Payload & Bound, old: string): string | undefined {
    const hidden = payload['repeatable']
    if (typeof hidden !== 'string') return undefined
    const unmarked = `${old.slice(0, -own)}${lettersOf(placeOf(payload))}${revealSuccessor(old, hidden)}`
    const values = marksOf(unmarked, payload).map((mark) => `${unmarked}${mark}`)
    return values.find((value) => recordId('RefreshToken', value) === id)
  }

  return {
    make(token, former) {
      if (token.grantId === undefined) return undefined
      const random = randomBytes(18).toString('base64url')
      const named = former === undefined ? undefined : familyIn(former)
      const family = named?.grantId === token.grantId ? named.family : random.slice(-letters.family)
      const place = lettersOf(placeOf(token))
      const unmarked = `${token.grantId}${family}${place}${random.slice(0, letters.random)}`
      return `${unmarked}${markOf(mac(purpose, marked(unmarked, token)))}`
    },
    recall(value, rows) {
      const named = familyIn(value)
      if (!named) return undefined
      const relatives = rows
        .map((row) => ({ row, payload: JSON.parse(row.payload) as Payload & Bound }))
        .filter(({ payload }) => payload['family'] === named.family && isOurs(value, payload))
      const newest = relatives.find(({ row }) => row.consumed === null) ?? relatives[0]
      if (!newest || numberOf(named.place) >= placeOf(newest.payload)) return undefined
      const { row, payload } = newest
      const next = row.consumed === null ? successorIn(row.id, payload, value) : undefined
      return { grantId: named.grantId, row, usedAt: Number(payload['iat']), next }
    },
  }
}
