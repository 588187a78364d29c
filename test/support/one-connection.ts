import type { Knex } from 'knex'

/** One connection of the driver, on which a statement keeps its name and its plan. */
export interface Connection {
  query(statement: object): Promise<{ rows: Record<string, unknown>[] }>
}

/** Does all of some work on one connection, in a transaction. */
export function onOneConnection<T>(knex: Knex, work: (connection: Connection) => Promise<T>): Promise<T> {
  return knex.transaction(async (transaction) => {
    const { client } = transaction as unknown as { client: { acquireConnection(): Promise<Connection> } }
    return work(await client.acquireConnection())
  })
}
