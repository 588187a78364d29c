import type { Knex } from 'knex'
import type { IdentityId, UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { wholeColumn } from '../store/reseal.ts'
import type { Sealer } from '../store/seal.ts'

/** What an upstream gave us to keep: Apple's refresh token, which has to be given back one day. */
export interface UpstreamCredential {
  /** Our client id at the upstream that it belongs to. Empty where that was not noted, as for the oldest ones. */
  readonly client: string
  readonly secret: string
}

/** Keeps credentials of upstreams, sealed, beside the identity they came with. */
export interface KeptCredentials {
  /** Keeps one for each client; the newest counts. What waits to be given back for the same subject stays instead. */
  keep(identityId: IdentityId, credential: UpstreamCredential): Promise<void>
  /** What a sealed text holds. Throws where no master key opens it. */
  open(sealed: string): UpstreamCredential[]
}

/** One for both tables, because a sealed text moves from one to the other as it is. */
const credentialContext = 'upstream_credential'

/** Where credentials are sealed: those that are kept, and those that wait to be given back. */
export const sealedCredentials = [
  wholeColumn({
    name: 'upstream credentials',
    table: 'identities',
    id: 'id',
    column: 'upstream_credential',
    // The condition of an index too: few identities have one.
    where: 'upstream_credential is not null',
    context: () => credentialContext,
  }),
  wholeColumn({
    name: 'upstream revocations',
    table: 'upstream_revocations',
    id: 'id',
    column: 'credential',
    context: () => credentialContext,
  }),
]

const subjectDigest = `encode(sha256(convert_to(s.provider || ' ' || s.subject, 'UTF8')), 'hex')`

interface Dependencies {
  readonly database: Database
  readonly sealer: Pick<Sealer, 'seal' | 'open'>
}

/** Credentials in the database of the accounts. */
export function keptCredentials({ database, sealer }: Dependencies): KeptCredentials {
  const open = (sealed: string) => unpacked(sealer.open(sealed, credentialContext))

  /** What no master key opens any more is as good as nothing. */
  function opened(sealed: string): UpstreamCredential[] {
    try {
      return open(sealed)
    } catch {
      return []
    }
  }

  return {
    open,
    async keep(identityId, credential) {
      await database.knex.transaction(async (transaction) => {
        const identity = transaction('identities').where({ id: identityId })
        const row = await identity.clone().forNoKeyUpdate().first<{ upstream_credential: string | null }>()
        if (!row) return
        const { rows: waiting } = await transaction.raw<{ rows: readonly { credential: string }[] }>(takeBack, {
          identityId,
        })
        const texts = [...waiting.map((each) => each.credential), row.upstream_credential ?? []].flat()
        const sealed = sealer.seal(packed([...texts.flatMap(opened), credential]), credentialContext)
        await identity.update({ upstream_credential: sealed })
      })
    },
  }
}

const takeBack = `
  delete from upstream_revocations where subject_digest in
    (select ${subjectDigest} from identity_subjects s where s.identity_id = :identityId)
  returning credential`

const leave = `
  insert into upstream_revocations (id, provider, subject_digest, user_id, credential, created_at, due_at)
  select cast(gen_random_uuid() as text), i.provider,
    (select ${subjectDigest} from identity_subjects s where s.identity_id = i.id order by s.position limit 1),
    i.user_id, i.upstream_credential, :at, least(:at, now())
  from identities i
  where i.user_id = :userId and i.id = coalesce(:identityId, i.id) and i.upstream_credential is not null`

/**
 * Has what was kept given back to the upstream, for one identity of a user or for all: called in the transaction that
 * removes them, before it does. Whoever sends it comes later, so nobody waits for an upstream.
 */
export async function leaveRevocations(
  transaction: Knex.Transaction,
  {
    userId,
    identityId = null,
    at,
  }: { readonly userId: UserId; readonly identityId?: IdentityId | null; readonly at: Date },
): Promise<void> {
  await transaction.raw(leave, { userId, identityId, at })
}

/** By client, so that of several the last stays. */
function packed(credentials: readonly UpstreamCredential[]): string {
  return JSON.stringify(Object.fromEntries(credentials.map(({ client, secret }) => [client, secret])))
}

/** The oldest texts are the bare secret. */
function unpacked(text: string): UpstreamCredential[] {
  if (!text.startsWith('{')) return [{ client: '', secret: text }]
  const entries = Object.entries(JSON.parse(text) as Readonly<Record<string, string>>)
  return entries.map(([client, secret]) => ({ client, secret }))
}
