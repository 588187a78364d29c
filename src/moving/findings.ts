import type { RowProblem } from './raw-rows.ts'

/** What keeps a row from being an account, with its sentence. */
export const problems = {
  json: 'no JSON',
  not_an_object: 'no JSON object',
  too_long: 'longer than a million characters',
  charset: 'no text in this encoding: see --charset',
  nul: 'a character that no database keeps (NUL)',
  duplicate_key: 'a member that is there twice',
  too_deep: 'lists and objects in each other, more than 64 deep',
  columns: 'another number of columns than in the first line',
  duplicate_column: 'the first line has a column twice',
  unclosed: 'the file ends in the middle',
  no_list: 'there is no list of accounts in this file',
  csv: 'no CSV: a quotation mark is where none may be',
  table: 'the name of the file says no table of this system',
  key: 'nothing says whose row it is',
  shape: 'not as expected',
  phone: 'no phone number',
  email: 'no e-mail address',
  username: 'no name that somebody could log in with',
  subject: 'no subject that can be kept',
  created_at: 'a time that has not come yet',
  password: 'a password that cannot be taken over',
  no_identity: 'nothing is left that the account could be found by',
  external_id_twice: 'the account is there twice',
  claimed_twice: 'two accounts have this identity, and both have proved it',
  taken: 'somebody here has this identity',
  id_taken: 'somebody here has this id',
} as const satisfies Readonly<Record<RowProblem | (string & {}), string>>

/** What is noted of a row that becomes an account all the same, or that is left out on purpose. */
export const notes = {
  name_changed: 'a user name that looked like a phone number or an e-mail address was changed',
  name_dropped: 'a user name that nobody could log in with was left out',
  identity_dropped: 'an identity was left out',
  unproved_dropped: 'an identity that was not proved was left out, because somebody else has it',
  differs: 'the account came before, and the file says something else now: it was left as it is here',
  deleted_here: 'the account came before, and was deleted here: it does not come back',
  left_out: 'left out',
} as const

/** A problem of a row. */
export type Problem = keyof typeof problems
/** A note about a row. */
export type Note = keyof typeof notes

/** Something that is told of a row. */
export interface Finding {
  readonly code: Problem | Note
  /** What it is about, with nothing in it that tells who the person is. */
  readonly about?: string | undefined
}

/** Whether nothing comes of the row because of it. */
export function isProblem(code: string): code is Problem {
  return Object.hasOwn(problems, code)
}

/** The sentence of a finding. */
export function findingText({ code, about }: Finding): string {
  const sentence = isProblem(code) ? problems[code] : notes[code]
  return about ? `${sentence}: ${about}` : sentence
}
