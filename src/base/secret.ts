import { inspect } from 'node:util'
import { z } from 'zod'

const hidden = '[redacted]'

/**
 * A value that must not be printed by accident: JSON, string interpolation, `util.inspect` and the log all show
 * `[redacted]`.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The only way to the value; call it where the value is used, never earlier. */
  reveal(): string {
    return this.#value
  }

  toJSON(): string {
    return hidden
  }

  toString(): string {
    return hidden
  }

  [inspect.custom](): string {
    return hidden
  }
}

/** Schema of a secret setting: a string of at least `minimum` characters that becomes a `Secret`. */
export const secret = (minimum = 1) =>
  z
    .string()
    .min(minimum)
    .transform((value) => new Secret(value))
    .meta({ secret: true })
