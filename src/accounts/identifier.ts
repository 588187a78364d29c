import { AppError } from '../base/errors.ts'
import { parsePhone } from '../base/phone.ts'

/** What a person may type to say who they are; provider and subject as in `identity_subjects`. */
export interface ParsedIdentifier {
  readonly provider: 'phone' | 'email' | 'username'
  readonly subject: string
}

// Each pattern reads a text only once: no part of it can match in two ways.
const phoneLike = /^[\s()+.-]*\d[\d\s()+.-]*$/
const emailShape = /^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@[^@]+$/u
const domainShape = /^(?:[\p{L}\p{N}](?:-*[\p{L}\p{N}])*\.)+[\p{L}\p{N}](?:-*[\p{L}\p{N}])+$/u
const usernameShape = /^[\p{L}\p{M}0-9_.-]{3,32}$/u
const invisible = /\p{Default_Ignorable_Code_Point}/u
const emailOctets = 254
const typedLength = 320

const reservedNames = new Set(
  (
    'abuse account accounts admin administrator anonymous api billing contact everyone guest help helpdesk hostmaster ' +
    'info login logout me menshen moderator noreply no-reply null official operator owner postmaster register root ' +
    'sandbox security service staff superuser support sys sysadmin system undefined webmaster ' +
    '管理员 系统 系统管理员 超级管理员 客服 官方 门神 管理員 系統 系統管理員 超級管理員 門神'
  ).split(' '),
)

/**
 * Reads a phone number, an e-mail address or a user name. The subject is what is stored and searched: E.164, or NFKC in
 * lower case; reading a subject again gives the same. Throws `phone.invalid`, `email.invalid` or `username.invalid`,
 * whichever the text most looks like.
 */
export function parseIdentifier(text: string, country?: string): ParsedIdentifier {
  const typed = text.length > typedLength ? '' : shortEnough(canonical(text))
  if (typed.includes('@')) return { provider: 'email', subject: email(typed) }
  if (phoneLike.test(typed)) return { provider: 'phone', subject: phone(typed, country) }
  return { provider: 'username', subject: username(typed) }
}

/**
 * Reads the identifier of a person who registers: names that seem to speak for the operator are refused. Throws
 * `username.invalid` too.
 */
export function parseNewIdentifier(text: string, country?: string): ParsedIdentifier {
  const identifier = parseIdentifier(text, country)
  const bare = identifier.subject.replace(/[_.-]/g, '')
  if (identifier.provider === 'username' && (reservedNames.has(identifier.subject) || reservedNames.has(bare)))
    throw invalid('username')
  return identifier
}

/** Refuses long texts before NFKC, in which one letter may become eighteen. */
function shortEnough(text: string): string {
  return text.length > typedLength ? '' : text
}

/** Lower case can undo NFKC (and the other way round), so it stands between two of them. */
function canonical(text: string): string {
  return text.normalize('NFKC').trim().toLowerCase().normalize('NFKC').trim()
}

/** Everything counts as a refusal: the library throws errors of its own when no country has that calling code. */
function phone(text: string, country: string | undefined): string {
  try {
    return parsePhone(text, country)
  } catch {
    throw invalid('phone')
  }
}

/**
 * Only what a mailbox needs: no quotes, comments, lists or control characters that a mail header could take otherwise.
 */
function email(text: string): string {
  const domain = text.slice(text.indexOf('@') + 1)
  if (!emailShape.test(text) || !domainShape.test(domain) || invisible.test(text)) throw invalid('email')
  if (Buffer.byteLength(text) > emailOctets) throw invalid('email')
  return text
}

/**
 * At least one letter, so that no name can be taken for a phone number. SECURITY: beside Latin letters only Chinese
 * ones may stand, so that nobody is called `аdmin` with a Cyrillic а.
 */
function username(text: string): string {
  const mixed = /\p{Script=Latin}/u.test(text) && /[^\p{Script=Latin}\p{Script=Han}0-9_.-]/u.test(text)
  if (!usernameShape.test(text) || !/\p{L}/u.test(text) || invisible.test(text) || mixed) throw invalid('username')
  return text
}

function invalid(kind: 'phone' | 'email' | 'username'): AppError {
  return new AppError(`${kind}.invalid`, { field: 'identifier' })
}
