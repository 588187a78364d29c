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

/** A piece of SQL that knows its parameters by name; `Values` says of what type the value of each is. */
export interface Sql<Values = unknown> {
  readonly pieces: readonly (string | Parameter)[]
  /** It is never set: the compiler alone reads it. */
  readonly values?: Values
}

interface Parameter {
  readonly name: string
  /** What PostgreSQL calls its type. */
  readonly type: string
}

/** What all pieces ask for together. */
type Together<Each extends readonly unknown[]> = Each extends readonly [infer First, ...infer Rest]
  ? First & Together<Rest>
  : unknown

/** SQL out of fixed text, parameters and other pieces. SECURITY: a plain string in it is SQL, never a value. */
export function sql<Each extends readonly unknown[]>(
  texts: TemplateStringsArray,
  ...pieces: { [Index in keyof Each]: Sql<Each[Index]> | string | number }
): Sql<Together<Each>> {
  const between = (pieces as readonly (Sql | string | number)[]).map((piece) =>
    typeof piece === 'object' ? piece.pieces : [String(piece)],
  )
  return { pieces: texts.flatMap((text, index) => [text, ...(between[index] ?? [])]) }
}

function kind<Value>(type: string) {
  return <Name extends string>(name: Name): Sql<{ readonly [Key in Name]: Value }> => ({ pieces: [{ name, type }] })
}

/** Parameters by the type of their value. Wherever a name occurs again in a statement, it is the same parameter. */
export const param = {
  text: kind<string>('text'),
  textOrNull: kind<string | null>('text'),
  smallint: kind<number>('smallint'),
  int: kind<number>('int'),
  boolean: kind<boolean>('boolean'),
  smallintOrNull: kind<number | null>('smallint'),
  bigint: kind<number>('bigint'),
  float: kind<number>('float8'),
  floatOrNull: kind<number | null>('float8'),
  time: kind<Date>('timestamptz'),
  timeOrNull: kind<Date | null>('timestamptz'),
  texts: kind<readonly string[]>('text[]'),
  textsOrNull: kind<readonly (string | null)[]>('text[]'),
  smallints: kind<readonly number[]>('smallint[]'),
  ints: kind<readonly number[]>('int[]'),
  booleans: kind<readonly boolean[]>('boolean[]'),
  bigints: kind<readonly number[]>('bigint[]'),
  floats: kind<readonly number[]>('float8[]'),
  floatsOrNull: kind<readonly (number | null)[]>('float8[]'),
  jsons: kind<readonly string[]>('jsonb[]'),
  /**
   * A list that PostgreSQL does not look at the length of: it finds any short list cheaper than the plan for all of
   * them, and would plan every execution anew. One in each `unnest` is enough.
   */
  textList: <Name extends string>(name: Name) => sql`array(select unnest(${param.texts(name)}))`,
} as const

/**
 * Lists as rows, for a `from`; `columns` names them. PostgreSQL takes a limit that it cannot know for few rows, so it
 * looks up each of them by an index. Otherwise it would read a table of few rows from end to end, which is cheaper, and
 * keep that plan for as long as nobody has counted the rows again, however many there are by then.
 */
export function rowsOf<Values>(lists: Sql<Values>, columns: string, alias = 'n'): Sql<Values> {
  const noLimit = '(select null::bigint)'
  const given = sql`select * from unnest(${lists}) as given(${columns}) limit ${noLimit}`
  return sql`(${given}) as ${alias}(${columns})` as Sql<Values>
}

/** A text with numbered parameters, which is made once and then filled by name. */
export interface Statement<Values> {
  readonly name: string
  readonly text: string
  /** The statement with exactly these values; a name that is missing, left over or of another type does not compile. */
  with<Given extends Values>(
    values: Given & Readonly<Record<Exclude<keyof Given, keyof Values>, never>>,
  ): NamedStatement
}

/** Gives the parameters of a statement their numbers. */
export function statement<Values>(name: string, { pieces }: Sql<Values>): Statement<Values> {
  const names = [...new Set(pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.name])))]
  const text = pieces
    .map((piece) => (typeof piece === 'string' ? piece : `$${names.indexOf(piece.name) + 1}::${piece.type}`))
    .join('')
  return {
    name,
    text,
    with: (values) => ({ name, text, values: names.map((each) => (values as Record<string, unknown>)[each]) }),
  }
}
