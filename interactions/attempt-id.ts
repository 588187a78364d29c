import { randomBytes } from 'node:crypto'

// The id of an attempt says where the attempt belongs. That of a login in a browser is the uid of its interaction; the
// others have a prefix with a dot, which no uid contains. SECURITY: so an answer for one kind of attempt never fits
// another.
const binding = 'bind.'
const app = 'native.'
const merging = 'merge.'

/** The id of a new login in an app. */
export function newAppLoginId(): string {
  return `${app}${randomBytes(18).toString('base64url')}`
}

/** The id of the attempt of somebody who is signed in to the account pages and adds a way in. */
export function bindingId(digest: string): string {
  return `${binding}${digest}`
}

/** The same for somebody who is signed in to an app. */
export function appBindingId(digest: string): string {
  return `${binding}${app}${digest}`
}

/** The same for one half of a change of number: the old one is proved, then the new one. */
export function changeId(half: 'old' | 'new', digest: string): string {
  return `${binding}${half}.${digest}`
}

/** The id of the attempt of somebody who is signed in to the account pages and proves another account of theirs. */
export function mergingId(digest: string): string {
  return `${merging}${digest}`
}

/** The same for somebody who is signed in to an app. */
export function appMergingId(digest: string): string {
  return `${merging}${app}${digest}`
}

/** Whether the person is signed in and proves another account. */
export function isMerging(attemptId: string): boolean {
  return attemptId.startsWith(merging)
}

/** Whether the person is signed in and adds a way in. */
export function isBinding(attemptId: string): boolean {
  return attemptId.startsWith(binding)
}
