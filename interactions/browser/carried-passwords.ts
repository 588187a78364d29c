import type { Clock } from '../../src/base/clock.ts'
import type { Sealer } from '../../src/store/seal.ts'
import type { Input } from '../methods/method.ts'

/** The field of a page that holds what this file has sealed. */
export const carriedField = 'carried'

/** How long somebody may read the documents. */
const lifetimeMs = 600_000
const passwordNames = ['password', 'new_password'] as const
/** What somebody types to say who they are. */
export const whoFields = ['phone', 'country', 'identifier'] as const

interface Carried {
  readonly until: number
  readonly fields: Readonly<Record<string, string>>
}

/**
 * Takes a typed password along through the question whether its owner agrees, in the page and not with us, so that
 * nobody types it again. SECURITY: sealed, for one attempt and ten minutes: neither the page nor who reads along in it
 * tells the password, and for another attempt it is nothing.
 */
export function carriedPasswords({ sealer, clock }: { readonly sealer: Sealer; readonly clock: Clock }) {
  const context = (attemptId: string) => `page password:${attemptId}`
  return {
    /** The value of the field; undefined if no password was typed, and nothing of the `others`. */
    pack(attemptId: string, input: Input, others: readonly string[] = []): string | undefined {
      const names = [...passwordNames, ...others]
      const fields = Object.fromEntries(names.flatMap((name) => (input[name] ? [[name, input[name]] as const] : [])))
      if (Object.keys(fields).length === 0) return undefined
      const carried: Carried = { until: clock() + lifetimeMs, fields }
      return sealer.seal(JSON.stringify(carried), context(attemptId))
    },

    /** What was posted, with the password that it brings along; without it, where it is over or not of this attempt. */
    unpack(attemptId: string, input: Input): Input {
      const { [carriedField]: sealed, ...others } = input
      if (sealed === undefined) return input
      try {
        const { until, fields } = JSON.parse(sealer.open(sealed, context(attemptId))) as Carried
        return clock() > until ? others : { ...fields, ...others }
      } catch {
        return others
      }
    },
  }
}
