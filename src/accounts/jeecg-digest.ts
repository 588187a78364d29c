import { createCipheriv, createHash } from 'node:crypto'

const saltBytes = 8
const rounds = 1000

/** The salt of a password of JeecgBoot as we keep it: that, and behind it the user name, which is what it encrypts. */
export function jeecgSalt(salt: string, username: string): Uint8Array {
  return Buffer.from(`${salt}${username}`)
}

/** Whether this is such a salt: eight bytes, as Java reads them, and a name. */
export function isJeecgSalt(salt: Uint8Array): boolean {
  return salt.length > saltBytes && salt.subarray(0, saltBytes).every((byte) => byte < 128)
}

/**
 * What JeecgBoot stores: the user name, encrypted with a key that is made of the password (PBEWithMD5AndDES of Java).
 * DES three times with one key is DES; OpenSSL has the single one no more.
 */
export function jeecgDigest(password: string, given: Uint8Array): Uint8Array | undefined {
  if (!isJeecgSalt(given)) return undefined
  const salt = given.subarray(0, saltBytes)
  let made = createHash('md5').update(password).update(salt).digest()
  for (let round = 1; round < rounds; round++) made = createHash('md5').update(made).digest()
  const [key, vector] = [made.subarray(0, 8), made.subarray(8)]
  const cipher = createCipheriv('des-ede3-cbc', Buffer.concat([key, key, key]), vector)
  const encrypted = Buffer.concat([cipher.update(given.subarray(saltBytes)), cipher.final()])
  return Buffer.from(encrypted.toString('hex'))
}
