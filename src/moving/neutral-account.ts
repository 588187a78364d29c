import { hash } from 'node:crypto'
import { z } from 'zod'
import { type ParsedIdentifier, parseIdentifier, parseNewIdentifier } from '../accounts/identifier.ts'
import { displayable } from '../accounts/profile.ts'
import { AppError } from '../base/errors.ts'
import { type IdentityId, isId, newId, type UserId } from '../base/ids.ts'
import { parsePhone } from '../base/phone.ts'
import type { Finding } from './findings.ts'
import { readMoment } from './moments.ts'
import { passwordEntry, type ReadPassword, readPassword, UnreadablePassword } from './password-entry.ts'

const moment = z.union([z.string(), z.number()]).transform((given, context) => {
  const read = readMoment(given)
  if (read) return read
  context.addIssue('no time')
  return z.NEVER
})

const identityEntry = z
  .strictObject({
    provider: z.string().regex(/^[a-z][a-z0-9_]*(?::[A-Za-z0-9._-]{1,100})?$/),
    subject: z.string().optional(),
    subjects: z.array(z.string()).min(1).max(50).optional(),
    verified: z.boolean().nullish(),
    created_at: moment.nullish(),
    last_used_at: moment.nullish(),
  })
  .refine(({ subject, subjects }) => (subject === undefined) !== (subjects === undefined), 'needs subject or subjects')

const accountShape = z.strictObject({
  external_id: z.union([z.string().min(1).max(255), z.int()]).transform(String),
  nickname: z.string().nullish(),
  picture: z.string().nullish(),
  created_at: moment.nullish(),
  status: z.enum(['active', 'locked', 'leaving']).default('active'),
  deletion_at: moment.nullish(),
  former_ids: z
    .array(z.string().refine((id) => isId('usr', id), 'no id of ours'))
    .max(1000)
    .nullish(),
  identities: z.array(identityEntry).max(50),
  password: passwordEntry.nullish(),
})

/** Whoever is leaving does so at a time, and so may somebody who is locked. */
const accountEntry = accountShape.refine(({ status, deletion_at: at }) => {
  return status === 'locked' || (status === 'leaving') === (at !== undefined && at !== null)
}, 'leaving and deletion_at go together')

/** An account in the neutral form: as it stands in a file of ours, and as every other form is turned into. */
export type NeutralAccount = z.input<typeof accountEntry>
/** One of its identities. */
export type NeutralIdentity = NeutralAccount['identities'][number]

/** An account that was read, and can be looked up and kept. */
export interface ReadAccount {
  readonly externalId: string
  /** Of what the file says. SECURITY: not of the password, which could be guessed by it. */
  readonly fingerprint: string
  readonly userId: UserId
  readonly nickname: string | undefined
  readonly picture: string | undefined
  readonly status: 'active' | 'locked' | 'leaving'
  /** When it will be gone, where its deletion was asked for. */
  readonly deletionAt: Date | undefined
  /** Ids that stand for it beside its own. */
  readonly formerIds: readonly UserId[]
  readonly createdAt: Date
  readonly identities: readonly ReadIdentity[]
  readonly password: ReadPassword | undefined
}

/** One of its identities. */
export interface ReadIdentity {
  readonly id: IdentityId
  readonly provider: string
  readonly subjects: readonly string[]
  readonly isVerified: boolean
  readonly createdAt: Date
  readonly lastUsedAt: Date
}

/** What reading an account depends on besides the row. */
export interface Reading {
  readonly nowMs: number
  /** Calling code of numbers that have none. */
  readonly country: string
  /** Names of the secrets in the settings. */
  readonly secretNames: ReadonlySet<string>
  /** Whether an account keeps its id, because it is one of ours from elsewhere. */
  readonly keepsIds: boolean
}

/** An account, or why there is none; what was changed on the way is noted. */
export interface Read {
  readonly account?: ReadAccount
  readonly findings: readonly Finding[]
}

/** Reads an account in the neutral form, whatever it is. */
export function readAccount(value: unknown, reading: Reading): Read {
  const parsed = accountEntry.safeParse(value)
  if (!parsed.success) return { findings: parsed.error.issues.slice(0, 5).map(issueOf) }
  const { data } = parsed
  const bad = [data.external_id, ...data.identities.map(({ provider }) => provider)].some((text) => !isKept(text))
  if (bad) return { findings: [{ code: 'subject' }] }
  const findings: Finding[] = []
  const createdAt = data.created_at ?? new Date(reading.nowMs)
  if (createdAt.getTime() > reading.nowMs) return { findings: [{ code: 'created_at' }] }
  const identities: ReadIdentity[] = []
  for (const entry of data.identities) {
    const isOnly = data.identities.length === 1
    const read = readSubjects(entry, reading, isOnly)
    if (read.finding) findings.push(read.finding)
    if (read.subjects.length > 0) identities.push(identityOf(entry, read.subjects, createdAt))
  }
  if (findings.some(({ code }) => ['phone', 'email', 'username', 'subject'].includes(code))) return { findings }
  if (identities.length === 0) return { findings: [{ code: 'no_identity' }] }
  let password: ReadPassword | undefined
  try {
    password = data.password ? readPassword(data.password, reading.secretNames) : undefined
  } catch (error) {
    if (!(error instanceof UnreadablePassword)) throw error
    return { findings: [{ code: 'password', about: error.message }] }
  }
  const userId = reading.keepsIds && isId('usr', data.external_id) ? data.external_id : newId('usr')
  const { nickname, picture } = displayable({ nickname: data.nickname ?? '', picture: data.picture ?? '' })
  const { external_id: externalId, status, deletion_at, former_ids } = data
  const deletionAt = deletion_at ?? undefined
  const formerIds = reading.keepsIds ? [...new Set((former_ids ?? []) as UserId[])] : []
  const fingerprint = hash('sha256', JSON.stringify({ ...data, password: undefined }), 'base64url')
  const about = { nickname, picture, status, deletionAt, formerIds, createdAt }
  return { account: { externalId, fingerprint, userId, ...about, identities, password }, findings }
}

type Entry = z.output<typeof identityEntry>

function identityOf(entry: Entry, subjects: readonly string[], accountAt: Date): ReadIdentity {
  const { provider, verified, created_at, last_used_at } = entry
  const createdAt = created_at ?? accountAt
  // What proves itself at every login, or by the password alone, is proved unless the file says otherwise.
  const isVerified = verified ?? (provider !== 'phone' && provider !== 'email')
  return { id: newId('idn'), provider, subjects, isVerified, createdAt, lastUsedAt: last_used_at ?? createdAt }
}

interface Subjects {
  readonly subjects: readonly string[]
  readonly finding?: Finding
}

function readSubjects(
  { provider, subject, subjects = [subject ?? ''] }: Entry,
  reading: Reading,
  isOnly: boolean,
): Subjects {
  if (provider === 'username') return userName(subjects[0] ?? '', isOnly)
  if (provider === 'phone') return local(subjects, 'phone', (text) => parsePhone(text, reading.country))
  if (provider === 'email') return local(subjects, 'email', emailOf)
  return subjects.every(isKept) ? { subjects: [...new Set(subjects)] } : { subjects: [], finding: { code: 'subject' } }
}

/** Numbers and addresses have one subject each. */
function local(
  [text = '', ...more]: readonly string[],
  code: 'phone' | 'email',
  read: (text: string) => string,
): Subjects {
  if (more.length > 0) return { subjects: [], finding: { code, about: 'more than one' } }
  try {
    return { subjects: [read(text)] }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const isRounded = /^\d(?:\.\d+)?e\+?\d+$/i.test(text.trim())
    return { subjects: [], finding: { code, ...(isRounded && { about: 'a spreadsheet has rounded it' }) } }
  }
}

function emailOf(text: string): string {
  const { provider, subject } = parseIdentifier(text)
  if (provider !== 'email') throw new AppError('email.invalid')
  return subject
}

/** The login form takes what looks like a number or an address for one, so such a name would be nobody's. */
function userName(text: string, isOnly: boolean): Subjects {
  const own = asName(text)
  if (own?.provider === 'username') return { subjects: [own.subject] }
  const looksLikeOther = text.includes('@') || /^[\d\s()+.-]+$/.test(text)
  const changed = looksLikeOther ? asName(`user_${text.trim().replace(/[^\p{L}0-9_.-]+/gu, '_')}`) : undefined
  if (changed?.provider === 'username')
    return { subjects: [changed.subject], finding: { code: 'name_changed', about: changed.subject } }
  return { subjects: [], finding: { code: isOnly ? 'username' : 'name_dropped' } }
}

function asName(text: string): ParsedIdentifier | undefined {
  try {
    return parseNewIdentifier(text)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return undefined
  }
}

/** Text that PostgreSQL can store and index. */
function isKept(text: string): boolean {
  return text.length > 0 && text.length <= 512 && text.isWellFormed() && !text.includes('\0')
}

function issueOf({ path, message, code, ...issue }: z.core.$ZodIssue): Finding {
  const keys = 'keys' in issue ? ` ${issue.keys.map(String).join(', ').slice(0, 100)}` : ''
  const what = code === 'unrecognized_keys' ? `nobody knows${keys}` : message
  return { code: 'shape', about: `${path.map(String).join('.')}${path.length > 0 ? ': ' : ''}${what}` }
}
