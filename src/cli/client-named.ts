import { nearest } from '../base/nearest.ts'

/** Why a client cannot be found, and what may have been meant. */
export function noClient(id: string, registered: Iterable<string>): string {
  const meant = nearest(id, registered)
  const hint = meant === undefined ? 'menshen clients list shows all' : `did you mean "${meant}"?`
  return `there is no client "${id}"; ${hint}`
}
