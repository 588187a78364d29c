import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import { newId, type UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { param, sql, statement } from '../store/statement.ts'
import type { Picture } from './picture-codec.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  /** Throws where there is no such picture. */
  readonly make: (address: string) => Promise<Picture>
  readonly onFailure: (error: unknown) => void
}

interface Due {
  readonly id: UserId
  readonly picture: string
  readonly tries: number
}

/** How often a picture is tried. */
export const mostTries = 3
/** Before it is tried again, or by another server when this one was stopped. */
const againMs = 300_000
/** Pictures a call copies, one after the other. */
const most = 20

/**
 * Copies pictures that are due. A picture that changes meanwhile is due again, and what was copied of the earlier one
 * is dropped; one that cannot be copied after some tries is shown at its own address.
 */
export async function copyDuePictures(dependencies: Dependencies): Promise<void> {
  for (let count = 0; count < most; count++) {
    const due = await takeDue(dependencies)
    if (!due) return
    // Whoever began the last try did not end it: the picture may be what stopped that server.
    if (due.tries > mostTries) {
      await giveUp(dependencies, due)
      continue
    }
    try {
      await store(dependencies, due, await dependencies.make(due.picture))
    } catch (error) {
      dependencies.onFailure(error)
      if (due.tries >= mostTries) await giveUp(dependencies, due)
    }
  }
}

/** Of several servers one takes it. */
async function takeDue({ database, clock }: Dependencies): Promise<Due | undefined> {
  const now = clock()
  const { rows } = await database.knex.raw<{ rows: readonly Due[] }>(
    `update users set picture_due_at = :again, picture_tries = picture_tries + 1
     where id = (select id from users where picture_due_at <= :now order by picture_due_at limit 1 for update skip locked)
     returning id, picture, picture_tries as tries`,
    { now: new Date(now), again: new Date(now + againMs) },
  )
  return rows[0]
}

async function store({ database, clock }: Dependencies, { id, picture }: Due, made: Picture): Promise<void> {
  const copy = newId('pic')
  const at = new Date(clock())
  await database.knex.transaction(async (transaction) => {
    const changed = await transaction('users')
      .where({ id, picture })
      .update({ picture_copy: copy, picture_due_at: null, picture_tries: 0, updated_at: at })
    if (changed > 0) await storePicture(transaction, id, { ...made, id: copy, at })
  })
}

/** Puts a picture in the place of the one that a user has. The caller has changed the row of the user before. */
async function storePicture(
  transaction: Knex.Transaction,
  userId: UserId,
  { id, type, bytes, at }: Picture & { readonly id: string; readonly at: Date },
): Promise<void> {
  const made = { id, type, bytes, copied_at: at }
  await transaction('pictures')
    .insert({ user_id: userId, ...made })
    .onConflict('user_id')
    .merge(made)
}

/**
 * Gives a user the picture they chose, or none. No login changes it any more, and what is being copied meanwhile is
 * dropped.
 */
export async function choosePicture(
  { database, clock }: Pick<Dependencies, 'database' | 'clock'>,
  userId: UserId,
  chosen: Picture | undefined,
): Promise<void> {
  const id = chosen ? newId('pic') : null
  const at = new Date(clock())
  await database.knex.transaction(async (transaction) => {
    const changed = await transaction('users')
      .where({ id: userId })
      .whereNot({ status: 'deleted' })
      .update({
        ...{ picture: null, picture_from: null, picture_chosen: true, updated_at: at },
        ...{ picture_copy: id, picture_due_at: null, picture_tries: 0 },
      })
    if (changed === 0) return
    if (chosen && id) await storePicture(transaction, userId, { ...chosen, id, at })
    else await transaction('pictures').where({ user_id: userId }).delete()
  })
}

async function giveUp({ database }: Dependencies, { id, picture }: Due): Promise<void> {
  await database.knex.transaction(async (transaction) => {
    const changed = await transaction('users')
      .where({ id, picture })
      .update({ picture_copy: null, picture_due_at: null })
    if (changed > 0) await transaction('pictures').where({ user_id: id }).delete()
  })
}

/** A copy by its id. The user is found by their key: no index knows whose copy it is. */
export const pictureById = statement(
  'picture_by_id',
  sql`select p.type, p.bytes from pictures p join users u on u.id = p.user_id and u.picture_copy = p.id
    where p.id = ${param.text('id')}`,
)

/** The copy of this id, if it is the one that is shown. */
export async function findPicture(
  { commitQuery }: Pick<Database, 'commitQuery'>,
  id: string,
): Promise<Picture | undefined> {
  return (await commitQuery<Picture>(pictureById.with({ id }))).rows[0]
}
