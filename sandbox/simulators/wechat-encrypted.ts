import { createCipheriv, createHash } from 'node:crypto'

interface Encrypting {
  /** Base64 of 16 bytes, as is the vector. */
  readonly sessionKey: string
  readonly iv: string
}

/** What a mini program gets instead of plain data: AES-128-CBC with PKCS#7, in base64. */
export function encryptedData(plaintext: string, { sessionKey, iv }: Encrypting): string {
  const cipher = createCipheriv('aes-128-cbc', Buffer.from(sessionKey, 'base64'), Buffer.from(iv, 'base64'))
  return Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]).toString('base64')
}

/** The hash beside a mini program's raw data: lower-case hex, over the data and the session key as it is written. */
export function rawDataSignature(rawData: string, sessionKey: string): string {
  return createHash('sha1')
    .update(rawData + sessionKey)
    .digest('hex')
}
