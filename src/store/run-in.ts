import type { Knex } from 'knex'
import type { NamedStatement, QueryResult } from './statement.ts'

/** Runs a statement in a transaction of knex, which numbers parameters by itself. The text must not contain a `?`. */
export function runIn<Row extends object>(
  transaction: Knex.Transaction,
  { text, values }: NamedStatement,
): Promise<QueryResult<Row>> {
  const bindings: unknown[] = []
  const numbered = text.replace(/\$(\d+)/g, (_, number: string) => {
    bindings.push(values[Number(number) - 1])
    return '?'
  })
  return Promise.resolve(transaction.raw<QueryResult<Row>>(numbered, bindings as never))
}
