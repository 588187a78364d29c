// Until now nobody wrote down when a number was shown. Where there is no password, every use was a proof of it; where there is one,
// only the first proof is certain, and the password is at hand if somebody has to show more.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(fillText, { provider: 'phone' })
}

const fillText = `
  update identities
  set proved_at = case when exists (select from passwords p where p.user_id = identities.user_id)
    then verified_at else last_used_at end
  where provider = :provider and verified_at is not null`
