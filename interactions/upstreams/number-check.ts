import type { PhoneNumber } from '../../src/base/phone.ts'
import type { Question } from './connector.ts'

/** A vendor that asks the carriers whether a number has gone to somebody else. Each answer may cost money. */
export interface NumberCheck {
  readonly vendor: string
  /** Whether it may know anything of this number. */
  knows(phone: PhoneNumber): boolean
  /**
   * Whether a number was given up or given to somebody else after a moment. Throws `upstream.…` with an
   * `UpstreamAnswer` as cause when the vendor does not say.
   */
  hasChanged(phone: PhoneNumber, since: Date): Promise<'same' | 'doubted' | 'changed'>
  /** What `menshen doctor` asks it. */
  questions(): readonly Question[]
}
