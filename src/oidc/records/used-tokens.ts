import type { DurableModel } from '../library/stored-models.ts'
import { type FamilyTokens, type ForgottenToken, familyIn, repeatableFor } from './family-tokens.ts'
import type { RecordStore } from './record-store.ts'
import { recordId, type StoredFamilyRow } from './records.ts'
import { hideSuccessor, revealSuccessor, type Use } from './successor.ts'

/** Finds what became of codes and refresh tokens, also of those that have no row any more. */
export interface UsedTokens {
  /** What a used refresh token is that has no row any more. */
  recall(value: string): Promise<ForgottenToken<StoredFamilyRow> | undefined>
  /** When a value was used and what replaced it; undefined if there is no such value. */
  useOf(model: DurableModel, value: string): Promise<Use | undefined>
}

/** As what a used token counts whose successor was used too: nobody is given that any more. */
const longAgo = 1

/** When a token was used that has no row any more, in seconds since the epoch. */
export function useSeconds({ next, usedAt }: ForgottenToken): number {
  return next === undefined ? longAgo : usedAt
}

interface Dependencies {
  readonly records: Pick<RecordStore, 'useOf' | 'familyRows'>
  readonly families: Pick<FamilyTokens, 'recall'>
}

/** What became of the values of one database. */
export function usedTokens({ records, families }: Dependencies): UsedTokens {
  async function recall(value: string) {
    const named = familyIn(value)
    return named && families.recall(value, await records.familyRows(named.grantId))
  }

  return {
    recall,
    async useOf(model, value) {
      const stored = await records.useOf(model, recordId(model, value))
      if (stored) return { ...stored, successor: stored.successor && revealSuccessor(value, stored.successor) }
      const forgotten = model === 'RefreshToken' ? await recall(value) : undefined
      if (!forgotten) return undefined
      return { consumed: useSeconds(forgotten), successor: forgotten.next ?? null, grant_id: forgotten.grantId }
    },
  }
}

/** The value that a request uses up, and what takes its place. */
export class ConsumedValue {
  readonly model: DurableModel
  readonly id: string
  readonly #value: string
  /** Hidden. */
  successor: string | null = null
  /** Its row goes with the use. */
  isForgotten = false

  constructor(model: DurableModel, value: string) {
    this.model = model
    this.id = recordId(model, value)
    this.#value = value
  }

  /**
   * Notes what replaces a refresh token, for anybody who presents the old token again: beside the old token, or, where
   * that needs no row any more, in the text that this answers, which the successor has to keep.
   */
  replaceWith(successor: string): string | undefined {
    if (this.model !== 'RefreshToken') return undefined
    const repeatable = repeatableFor(this.#value, successor)
    this.isForgotten = repeatable !== undefined
    this.successor = repeatable === undefined ? hideSuccessor(this.#value, successor) : null
    return repeatable
  }
}
