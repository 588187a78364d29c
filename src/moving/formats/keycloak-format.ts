import { type Format, localIdentities, objectOf, objectsOf, present, textOf, upstreamIdentities } from '../format.ts'
import type { PasswordEntry } from '../password-entry.ts'
import type { RawRecord } from '../raw-rows.ts'

const phoneAttributes = ['phoneNumber', 'phone_number', 'phone', 'mobile']

/** An export of a realm of Keycloak, in one file or in several; the accounts are in its member `users`. */
export const keycloakFormat: Format = {
  name: 'keycloak',
  listMember: 'users',
  convert([part], options) {
    const record = part?.record ?? {}
    const attributes = objectOf(record['attributes'])
    if (textOf(record, 'serviceAccountClientId')) return { leftOut: 'the account of a client' }
    const names = {
      phone: phoneAttributes.map((name) => attribute(attributes, name)).find(Boolean),
      isPhoneProved: attribute(attributes, 'phoneNumberVerified') === 'true',
      email: textOf(record, 'email'),
      isEmailProved: record['emailVerified'] === true,
      username: textOf(record, 'username'),
    }
    const upstream = upstreamIdentities(
      objectsOf(record['federatedIdentities']).map((each) => ({
        name: textOf(each, 'identityProvider') ?? 'upstream',
        id: textOf(each, 'userId'),
      })),
      options,
    )
    const nickname = [textOf(record, 'lastName'), textOf(record, 'firstName')].filter(Boolean)
    const account = {
      external_id: textOf(record, 'id', 'username'),
      ...present('nickname', attribute(attributes, 'nickname') ?? (nickname.join(' ') || undefined)),
      ...present('picture', attribute(attributes, 'picture')),
      ...present('created_at', record['createdTimestamp'] as number | undefined),
      ...(record['enabled'] === false ? { status: 'locked' as const } : {}),
      identities: [...localIdentities(names, options), ...upstream.identities],
      ...present('password', passwordOf(objectsOf(record['credentials']))),
    }
    return { account, findings: upstream.findings }
  },
}

/** An attribute is a list, also where it has one value. */
function attribute(attributes: RawRecord, name: string): string | undefined {
  const value = attributes[name]
  return textOf({ value: Array.isArray(value) ? value[0] : value }, 'value')
}

function passwordOf(credentials: readonly RawRecord[]): PasswordEntry | undefined {
  const credential = credentials.find(({ type }) => type === 'password')
  if (!credential) return undefined
  const [secret, how] = [objectOf(credential['secretData']), objectOf(credential['credentialData'])]
  const hash = textOf(secret, 'value') ?? ''
  const salt = textOf(secret, 'salt') ?? ''
  const algorithm = textOf(how, 'algorithm') ?? ''
  const iterations = Number(how['hashIterations'])
  if (algorithm !== 'argon2') {
    const digest = { pbkdf2: 'sha1', 'pbkdf2-sha256': 'sha256', 'pbkdf2-sha512': 'sha512' }[algorithm]
    return { algorithm: 'pbkdf2', digest: digest as 'sha256', iterations, hash, salt }
  }
  const more = objectOf(how['additionalParameters'])
  const [type, memory, lanes] = ['type', 'memory', 'parallelism'].map((name) => attribute(more, name))
  const version = attribute(more, 'version') === '1.0' ? 16 : 19
  const costs = `m=${memory},t=${iterations},p=${lanes}`
  const bare = (text: string) => text.replace(/=+$/, '')
  return { algorithm: 'argon2', hash: `$argon2${type}$v=${version}$${costs}$${bare(salt)}$${bare(hash)}` }
}
