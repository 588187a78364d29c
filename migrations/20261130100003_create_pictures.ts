// Vendors' addresses of pictures die. An operator may have pictures copied: one a user, made again when the picture changes.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table pictures (
      user_id text constraint pictures_pkey primary key
        constraint pictures_user_id_fkey references users (id),
      id text not null constraint pictures_id_key unique,
      type text not null,
      bytes bytea not null,
      copied_at timestamptz not null
    )
  `)
  await knex.raw(`comment on column pictures.id is 'pic_…, in its address: another copy has another one'`)
  await knex.raw(`
    alter table users add column picture_copy text, add column picture_due_at timestamptz,
      add column picture_tries smallint not null default 0
  `)
  await knex.raw(`create index users_picture_due_at_idx on users (picture_due_at) where picture_due_at is not null`)
  await knex.raw(`comment on column users.picture_copy is 'pictures.id of the copy that is shown'`)
  await knex.raw(
    `comment on column users.picture_due_at is 'when picture is to be copied; null: it is, or never will be'`,
  )
}
