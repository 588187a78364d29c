/** A statement that is parsed once for each connection. One name stands for one text, everywhere. */
export interface NamedStatement {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
}

/** What PostgreSQL answers to a statement. */
export interface QueryResult<Row> {
  readonly rows: Row[]
  readonly rowCount: number | null
}
