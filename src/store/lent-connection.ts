import type { Knex } from 'knex'
import { storeError } from './postgres-errors.ts'

/** A connection as the driver has it, which takes streams. */
export interface RawConnection {
  query<Stream>(stream: Stream): Stream
}

interface Lender {
  acquireConnection(): Promise<RawConnection>
  releaseConnection(connection: RawConnection): Promise<void>
}

/**
 * Does with the connection that knex would use, inside a transaction its own, what knex does not know: COPY. Errors
 * come as those of other queries do, without values of the rows.
 */
export async function withConnection<Result>(
  knex: Knex,
  work: (connection: RawConnection) => Promise<Result>,
): Promise<Result> {
  const lender = knex.client as Lender
  const connection = await lender.acquireConnection()
  try {
    return await work(connection)
  } catch (error) {
    throw storeError(error)
  } finally {
    await lender.releaseConnection(connection)
  }
}
