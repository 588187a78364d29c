import { clientIdIn } from '../library/payload.ts'
import type { RecordRow } from './records.ts'
import type { SignIn } from './sign-in.ts'

/** What a login gave one client, as far as it matters to the older ones of the same user and client. */
export interface ClientLogin {
  readonly grantId: string
  readonly userId: string
  readonly clientId: string
  /** Of the installation; undefined where it has proved none. */
  readonly key: string | undefined
}

/** The grants among the rows that a request writes. */
export function clientLoginsIn(rows: readonly RecordRow[]): readonly ClientLogin[] {
  return rows.flatMap(({ model, id, userId, payload, about }) => {
    const clientId = model === 'Grant' ? clientIdIn(payload) : undefined
    if (clientId === undefined || userId === null) return []
    const { key }: Partial<SignIn> = about === undefined ? {} : JSON.parse(about)
    return [{ grantId: id, userId, clientId, key }]
  })
}
