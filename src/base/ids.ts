import { randomBytes } from 'node:crypto'

declare const brand: unique symbol
type Id<Prefix extends string> = `${Prefix}_${string}` & { readonly [brand]: Prefix }

/** The id of a user. */
export type UserId = Id<'usr'>
/** The id of an identity. */
export type IdentityId = Id<'idn'>
/** The id of an invitation. */
export type InviteId = Id<'inv'>
/** The id of a merge of two accounts. */
export type MergeId = Id<'mrg'>

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

const idBytes = 26
const drawnBytes = idBytes * 128
/** Random bytes that wait to be used, each once: one draw of many is much cheaper than many draws. */
let drawn: Buffer | undefined
let used = 0

function drawId(): Buffer {
  if (!drawn || used === drawnBytes) {
    drawn = randomBytes(drawnBytes)
    used = 0
  }
  used += idBytes
  return drawn.subarray(used - idBytes, used)
}

/** A new random id of 130 bits, Crockford base 32, so that a leaked value says what it is. */
export function newId<Prefix extends string>(prefix: Prefix): Id<Prefix> {
  let text: string = prefix
  text += '_'
  for (const byte of drawId()) text += alphabet[byte & 31]
  return text as Id<Prefix>
}

/** True for text that has the shape of an id with this prefix. */
export function isId<Prefix extends string>(prefix: Prefix, text: unknown): text is Id<Prefix> {
  return typeof text === 'string' && new RegExp(`^${prefix}_[0-9a-z]{26}$`).test(text)
}
