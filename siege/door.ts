import type { AltchaChallenge } from './solver.ts'

/** What somebody learns from an answer. */
export type Reply =
  /** A code is said to be on its way. */
  | { readonly kind: 'code' }
  /** They are in, with their tokens. */
  | { readonly kind: 'in'; readonly refreshToken: string }
  /** Something has to be solved before the same is asked again. */
  | { readonly kind: 'challenge'; readonly challenge: AltchaChallenge }
  /** No; `waitSeconds` where the answer says how long. */
  | { readonly kind: 'refused'; readonly error: string; readonly waitSeconds: number | undefined }

/** Further fields of a request. */
export type Fields = Readonly<Record<string, string>>

/** One login, by the pages or in an app. */
export interface Door {
  /** Makes a login ready: draws its page, or nothing. Undefined when there is nothing to say. */
  open(): Promise<Extract<Reply, { kind: 'refused' }> | undefined>
  askForCode(phone: string, more?: Fields): Promise<Reply>
  askAgain(more?: Fields): Promise<Reply>
  enterCode(code: string, more?: Fields): Promise<Reply>
  enterPassword(name: string, password: string, more?: Fields): Promise<Reply>
}

/** A refusal in the words of the server. */
export function refused(error: string, waitSeconds: number | undefined): Extract<Reply, { kind: 'refused' }> {
  return { kind: 'refused', error, waitSeconds: waitSeconds && waitSeconds > 0 ? waitSeconds : undefined }
}
