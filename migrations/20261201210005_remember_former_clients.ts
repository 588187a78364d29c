// A client that gets the name of a former one inherits nothing, which takes a look at every record. One of a new name has nothing to
// inherit, so names of former ones are remembered, whoever removes them.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table former_clients (
      client_id text constraint former_clients_pkey primary key,
      removed_at timestamptz not null
    )
  `)
  await knex.raw(
    `comment on table former_clients is 'names of clients that are gone; one goes when a client has it again'`,
  )
  await knex.raw(`create function remember_former_client() returns trigger language plpgsql as $$
begin
  insert into former_clients (client_id, removed_at) values (old.client_id, now()) on conflict (client_id) do nothing;
  return null;
end
$$`)
  await knex.raw(`create trigger remember_former_client after delete on clients
    for each row execute function remember_former_client()`)
  await knex.raw(`insert into former_clients (client_id, removed_at)
    select client_id, max(at) from audit_events where event = 'client.removed' and client_id is not null group by client_id`)
}
