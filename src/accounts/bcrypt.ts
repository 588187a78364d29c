import { createHmac } from 'node:crypto'
import bcrypt from 'bcryptjs'

interface Input {
  readonly password: Uint8Array
  /** Version, cost and salt. */
  readonly setting: string
  readonly isWordPress: boolean
}

/** What follows the setting in a bcrypt hash. It takes as long as it takes, so only the children call it. */
export function bcryptTag({ password, setting, isWordPress }: Input): Uint8Array {
  const text = Buffer.from(password).toString()
  const made = bcrypt.hashSync(isWordPress ? wordPressKey(text) : untilNul(text), setting)
  return Buffer.from(made.slice(setting.length))
}

/** In C, where bcrypt comes from, a text ends at NUL. */
function untilNul(text: string): string {
  const at = text.indexOf('\0')
  return at < 0 ? text : text.slice(0, at)
}

/** WordPress 6.8: so that no byte beyond the 72nd is lost. PHP trims these characters and no others. */
function wordPressKey(text: string): string {
  const trimmed = text.replace(/^[ \t\n\r\0\v]+|[ \t\n\r\0\v]+$/g, '')
  return createHmac('sha384', 'wp-sha384').update(trimmed).digest('base64')
}
