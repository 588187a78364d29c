/** Cost of one argon2id hash, named as in the configuration. */
export interface HashParameters {
  readonly memory_kib: number
  readonly time_cost: number
  readonly parallelism: number
}

/** What a stored argon2id string says. */
export interface StoredHash {
  readonly parameters: HashParameters
  readonly salt: Uint8Array
  readonly tag: Uint8Array
}

/** The three kinds of argon2; we make the last one alone. */
export type Argon2Type = 'argon2i' | 'argon2d' | 'argon2id'

const shape =
  /^\$(argon2(?:id|i|d))\$v=19\$([mtp]=\d{1,7}(?:,[mtp]=\d{1,7}){2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,171})$/

/**
 * Writes a PHC string, parameters in the order m, t, p that the reference implementation insists on.
 * https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export function formatPhc({ parameters, salt, tag }: StoredHash): string {
  const { memory_kib, time_cost, parallelism } = parameters
  return `$argon2id$v=19$m=${memory_kib},t=${time_cost},p=${parallelism}$${base64(salt)}$${base64(tag)}`
}

/**
 * Reads a PHC string, parameters in any order (npm `argon2` writes m, p, t). Undefined for every other kind of hash and
 * for costs no server should pay: one gibibyte, 64 passes, 64 lanes.
 */
export function parsePhc(text: string): StoredHash | undefined {
  const found = parseArgon2(text)
  return found?.type === 'argon2id' ? found : undefined
}

/** The same for every kind of argon2, for hashes that others have made. */
export function parseArgon2(text: string): (StoredHash & { readonly type: Argon2Type }) | undefined {
  const [, type, costs, salt, tag] = shape.exec(text) ?? []
  if (costs === undefined || salt === undefined || tag === undefined) return undefined
  const { m, t, p } = Object.fromEntries(costs.split(',').map((cost) => [cost[0], Number(cost.slice(2))]))
  if (m === undefined || t === undefined || p === undefined) return undefined
  if (p < 1 || p > 64 || t < 1 || t > 64 || m < 8 * p || m > 1_048_576) return undefined
  return {
    type: type as Argon2Type,
    parameters: { memory_kib: m, time_cost: t, parallelism: p },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}
