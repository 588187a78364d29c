/** The digests of the last tokens of each grant that ended, by the id of the grant. */
export type LastTokens = Readonly<Record<string, readonly string[]>>

/** The audit keeps this many tokens of a grant. */
const most = 5

/**
 * SQL of a query: the last tokens of each grant among the rows of `gone`, with the live ones first. The audit keeps
 * their digests, so that somebody who has one of these tokens can ask what ended it.
 */
export function lastTokensText(gone: string, models: readonly number[]): string {
  return `select grant_id, jsonb_agg(id order by place) as tokens from (
      select grant_id, id, row_number() over (partition by grant_id order by consumed_at desc, model, expires_at desc) as place
      from ${gone} where model in (${models.join(', ')}) and grant_id is not null) token
    where place <= ${most} group by grant_id`
}

type Listener = (tokens: readonly string[]) => Promise<void>

/** Keeps those who want to be told when grants that a request ends have ended. */
export class GrantEndings {
  readonly #listeners = new Map<string, Listener>()

  /**
   * Calls `listener` once, with the digests of the last tokens of the grant. The request is answered only after the
   * listener is done.
   */
  when(grantId: string, listener: Listener): void {
    this.#listeners.set(grantId, listener)
  }

  async announce(tokens: LastTokens): Promise<void> {
    const told = [...this.#listeners].map(([grantId, listener]) => listener(tokens[grantId] ?? []))
    this.#listeners.clear()
    await Promise.all(told)
  }
}
