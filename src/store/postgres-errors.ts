import { AppError } from '../base/errors.ts'
import { errorCode, isNetworkError, unavailable } from './unavailable.ts'

/**
 * Classes of SQLSTATE in which the database, not the statement, is at fault: connection, resources, intervention,
 * system.
 */
const databaseAtFault = /^(08|53|58)...$|^57(014|P0[1-5])$|^25006$/

/**
 * After these the connection is useless even though its socket is alive: a demoted primary, a plan or statement that is
 * gone.
 */
const connectionStale = /^(25006|26000|57P0[1-5])$|^0A000$/

/** The driver gives these no code, and knex puts the statement before them. */
const connectionLost =
  /(^| - )(Connection terminated|timeout expired|timeout exceeded when trying to connect|Query read timeout|Client was closed|Client has encountered a connection error|Cannot use a pool after calling end)/

/** True when the connection an error came from must not be used again. */
export function breaksConnection(error: unknown): boolean {
  if (isNetworkError(error) || (error instanceof Error && connectionLost.test(error.message))) return true
  const code = errorCode(error)
  return code !== undefined && (connectionStale.test(code) || code.startsWith('08'))
}

/**
 * A driver's error in our terms: `server.unavailable` when the database is away, full, read-only or too slow, otherwise
 * the error itself. SECURITY: `detail` and `where` quote column values (phone numbers), so they are removed before
 * anything can log them.
 */
export function storeError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error
  for (const quoting of ['detail', 'where', 'internalQuery'])
    if (quoting in error) Reflect.deleteProperty(error, quoting)
  const code = errorCode(error)
  const away =
    isNetworkError(error) || connectionLost.test(error.message) || (code !== undefined && databaseAtFault.test(code))
  return away ? unavailable(error) : error
}
