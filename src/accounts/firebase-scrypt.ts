import { createCipheriv, scryptSync } from 'node:crypto'

/** A hash as Firebase keeps it, without the key of the project that it is made with. */
export interface FirebasePassword {
  readonly kind: 'firebase'
  readonly cost: { readonly N: number; readonly r: number }
  readonly salt: Uint8Array
  /** The same for all of a project; it stands behind every salt. */
  readonly separator: Uint8Array
  /** Name of the key of the project in the settings. */
  readonly secretName: string
  readonly tag: Uint8Array
}

/** One derivation. */
export type FirebaseJob = Omit<FirebasePassword, 'secretName' | 'tag'> & {
  readonly password: Uint8Array
  /** The key of the project (`base64_signer_key`). */
  readonly signer: Uint8Array
}

const base64Text = '[A-Za-z0-9+/]'
const shape = new RegExp(
  `^\\$firebase\\$ln=(\\d{1,2}),r=(\\d{1,2})\\$(${base64Text}{0,342})\\$(${base64Text}{0,86})\\$([\\w.-]{1,64})\\$(${base64Text}{22,342})$`,
)
/** Firebase allows 14 and 8 at most; a gibibyte would be one login. */
const [mostLog2, mostRounds] = [16, 8]
const keyBytes = 32

/** Reads what `formatFirebase` has written; undefined for all else, and for costs that no server should pay. */
export function parseFirebase(text: string): FirebasePassword | undefined {
  const [, ln, r, salt, separator, secretName, tag] = shape.exec(text) ?? []
  if (salt === undefined || separator === undefined || secretName === undefined || tag === undefined) return undefined
  if (Number(ln) < 1 || Number(ln) > mostLog2 || Number(r) < 1 || Number(r) > mostRounds) return undefined
  const bytes = { salt: Buffer.from(salt, 'base64'), separator: Buffer.from(separator, 'base64') }
  const cost = { N: 2 ** Number(ln), r: Number(r) }
  return { kind: 'firebase', cost, ...bytes, secretName, tag: Buffer.from(tag, 'base64') }
}

/** As `parseFirebase` reads it. */
export function formatFirebase(password: Omit<FirebasePassword, 'kind'>): string {
  const { cost, salt, separator, secretName, tag } = password
  const [saltText, separatorText, tagText] = [salt, separator, tag].map((bytes) =>
    Buffer.from(bytes).toString('base64').replace(/=+$/, ''),
  )
  return `$firebase$ln=${Math.log2(cost.N)},r=${cost.r}$${saltText}$${separatorText}$${secretName}$${tagText}`
}

/**
 * The key of the project, encrypted with a key that scrypt makes of the password (https://github.com/firebase/scrypt).
 * It takes as long as it takes, so only the children call it.
 */
export function firebaseTag({ password, salt, separator, cost: { N, r }, signer }: FirebaseJob): Uint8Array {
  const salted = Buffer.concat([salt, separator])
  const key = scryptSync(password, salted, 2 * keyBytes, { N, r, p: 1, maxmem: 128 * r * (N + 3) })
  const cipher = createCipheriv('aes-256-ctr', key.subarray(0, keyBytes), Buffer.alloc(16))
  return Buffer.concat([cipher.update(signer), cipher.final()])
}
