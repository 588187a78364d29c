import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { randomSupply } from '../base/random-supply.ts'
import type { Secret } from '../base/secret.ts'
import { pack, unpack } from './packing.ts'

/** How a text is sealed. */
export interface SealOptions {
  readonly packsFrom: number
}

/** Keeps secrets at rest under the master key. */
export interface Sealer {
  /** Names the current master key: whatever it seals begins with this. */
  readonly prefix: string
  /**
   * Encrypts for one place: `context` names table, column and row, and only the same context opens it again. Texts from
   * `packsFrom` characters on take up less room, at the price of some work: for what a stranger may have stored.
   */
  seal(plaintext: string, context: string, options?: SealOptions): string
  /** Throws when the text was sealed for another place, under a key that is not given, or was changed. */
  open(sealed: string, context: string): string
  /** A keyed digest, by which a value can be looked up that must not be guessed from a leaked table. */
  mac(purpose: string, text: string): string
  /** The same under every master key, the current one first: for what was made before there was a new one. */
  macEach(purpose: string, text: string): readonly string[]
  /** 32 bytes that depend on the current master key and the purpose alone. */
  derive(purpose: string): Buffer
  /** The same of every master key, the current one first: for what another server signed before it had the new one. */
  deriveEach(purpose: string): readonly Buffer[]
}

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
/**
 * Packed ones are marked where they are named and in what is authenticated, so that neither can be taken for the other.
 */
const packedMark = '~'

/** Seals under the first key and opens under any. Keys are 32 bytes in base64url; throws when one is not. */
export function sealer({ keys }: { readonly keys: readonly [Secret, ...Secret[]] }): Sealer {
  const rings = keys.map((key) => ring(key.reveal()))
  const [current] = rings as [Ring, ...Ring[]]
  const byId = new Map(rings.toReversed().map((each) => [each.id, each]))
  const nonces = randomSupply(nonceBytes)

  return {
    prefix: `${current.id}.`,
    seal(plaintext, context, { packsFrom } = { packsFrom: Number.POSITIVE_INFINITY }) {
      const mark = plaintext.length < packsFrom ? '' : packedMark
      const bytes = mark === '' ? Buffer.from(plaintext) : pack(plaintext)
      const nonce = nonces()
      const cipher = createCipheriv(algorithm, current.sealing, nonce).setAAD(Buffer.from(mark + context))
      const parts = [nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]
      return `${current.id}.${mark}${Buffer.concat(parts).toString('base64url')}`
    },
    open(sealed, context) {
      const dot = sealed.indexOf('.')
      const used = byId.get(sealed.slice(0, Math.max(dot, 0)))
      if (used === undefined) throw new Error(`what is sealed for ${context} needs a master key that is not configured`)
      const mark = sealed.startsWith(packedMark, dot + 1) ? packedMark : ''
      const bytes = Buffer.from(sealed.slice(dot + 1 + mark.length), 'base64url')
      if (bytes.length < nonceBytes + tagBytes) throw new Error(`what is sealed for ${context} is damaged`)
      const decipher = createDecipheriv(algorithm, used.sealing, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      })
      decipher.setAAD(Buffer.from(mark + context)).setAuthTag(bytes.subarray(-tagBytes))
      try {
        const text = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
        const opened = Buffer.concat([text, decipher.final()])
        return mark === '' ? opened.toString('utf8') : unpack(opened)
      } catch (cause) {
        throw new Error(`what is sealed for ${context} was sealed for another place or is damaged`, { cause })
      }
    },
    mac: (purpose, text) => current.mac(purpose, text),
    macEach: (purpose, text) => rings.map((each) => each.mac(purpose, text)),
    derive(purpose) {
      return Buffer.from(current.derive(`derive:${purpose}`))
    },
    deriveEach: (purpose) => rings.map((each) => Buffer.from(each.derive(`derive:${purpose}`))),
  }
}

/**
 * What is stored in place of a text that is only to be found again: for a bearer value of at least 128 random bits it
 * is useless to present, for anything shorter it is a name of one length and no secret.
 */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url')
}

/** What a part needs that keeps sealed values under digests of their names. */
export interface Sealing {
  readonly mac: (text: string) => string
  readonly seal: (plaintext: string, options?: SealOptions) => string
  readonly open: (sealed: string) => string
}

/** A sealer held to one purpose: what is sealed for another does not open. */
export function sealing(sealer: Sealer, purpose: string): Sealing {
  return {
    mac: (text) => sealer.mac(purpose, text),
    seal: (plaintext, options) => sealer.seal(plaintext, purpose, options),
    open: (sealed) => sealer.open(sealed, purpose),
  }
}

interface Ring {
  readonly id: string
  /** Objects and not bytes, which OpenSSL would import again for every value at five times the cost. */
  readonly sealing: KeyObject
  mac(purpose: string, text: string): string
  derive(purpose: string): Buffer
}

function ring(encoded: string): Ring {
  const master = Buffer.from(encoded, 'base64url')
  if (master.length !== 32) throw new Error('a master key must be 32 bytes in base64url')
  const made = new Map<string, Buffer>()
  const derive = (purpose: string) => {
    const bytes = made.get(purpose) ?? Buffer.from(hkdfSync('sha256', master, '', `menshen ${purpose}`, 32))
    made.set(purpose, bytes)
    return bytes
  }
  const macKeys = new Map<string, KeyObject>()
  const macKey = (purpose: string) => {
    const key = macKeys.get(purpose) ?? createSecretKey(derive(`mac:${purpose}`))
    macKeys.set(purpose, key)
    return key
  }
  const mac = (purpose: string, text: string) => createHmac('sha256', macKey(purpose)).update(text).digest('base64url')
  const id = derive('key id').subarray(0, 6).toString('base64url')
  return { id, sealing: createSecretKey(derive('seal')), mac, derive }
}
