// Whoever has allowed an app something before this version is not asked for it again. What several grants say is put together,
// the later one has the last word. Our own apps ask for no consent.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(fillText, { grants: 2 })
}

const scopesOf = (payload: string, isGranted: boolean) => `
    select scope, ${isGranted} as is_granted
    from regexp_split_to_table(coalesce(${payload} #>> '{openid,scope}', ''), ' ') scope where scope <> ''
    union all
    select resource || ' ' || scope, ${isGranted}
    from jsonb_each_text(coalesce(${payload} -> 'resources', '{}')) as each (resource, scopes),
      regexp_split_to_table(scopes, ' ') scope where scope <> ''`

const fillText = `
  with agreed as (
    select g.user_id, c.client_id, g.payload, to_timestamp(cast(g.payload ->> 'iat' as float8)) as at
    from (select user_id, cast(payload as jsonb) as payload from oidc_records where model = :grants) g
    join clients c on c.client_id = g.payload ->> 'clientId'
    join users u on u.id = g.user_id and u.status = 'active'
    where coalesce(cast(c.metadata ->> 'first_party' as boolean), false) = false
  )
  insert into consents (user_id, client_id, decisions, created_at, updated_at)
  select user_id, client_id, jsonb_object_agg(scope, is_granted order by at, is_granted desc), min(at), max(at)
  from agreed
  cross join lateral (
    ${scopesOf('agreed.payload', true)}
    union all
    ${scopesOf(`coalesce(agreed.payload -> 'rejected', '{}')`, false)}
  ) decided
  group by user_id, client_id
  on conflict do nothing`
