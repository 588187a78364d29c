import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import pg from 'pg'
import type { NamedStatement } from '../../src/store/statement.ts'
import { type Connection, onOneConnection } from './one-connection.ts'

/** A step of a plan, as EXPLAIN tells it. */
export interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

type Asked = Pick<NamedStatement, 'text' | 'values'>

/** A plan for the values at hand, or the one that PostgreSQL keeps for any values at all. */
export type PlanMode = 'force_custom_plan' | 'force_generic_plan'

/** Runs work on a connection that plans each statement for any values at all. */
export function planning<T>(
  knex: Knex,
  work: (connection: Connection) => Promise<T>,
  mode: PlanMode = 'force_generic_plan',
): Promise<T> {
  return onOneConnection(knex, async (connection) => {
    await connection.query({ text: `set local plan_cache_mode = ${mode}` })
    return work(connection)
  })
}

/** How a plan is made. */
interface Planned {
  readonly mode?: PlanMode
  /** Also runs the statement. */
  readonly analyze?: boolean
  /** False: to put rows in order is taken to be dear, as it is where there are many. */
  readonly sorts?: boolean
}

/**
 * The plan of a statement. A statement that is explained with its values is always planned for
 * these, whatever `plan_cache_mode` says: only one that was prepared and is executed is not.
 */
export function planOf(
  knex: Knex,
  { text, values }: Asked,
  { mode = 'force_generic_plan', analyze = false, sorts = true }: Planned = {},
): Promise<Plan> {
  const explained = async (connection: Connection) => {
    const name = `"${randomUUID()}"`
    await connection.query({ text: `set local enable_sort = ${sorts}` })
    await connection.query({ text: `prepare ${name} as ${text}` })
    const given = values.length > 0 ? `(${values.map(literal).join(', ')})` : ''
    const { rows } = await connection.query({
      text: `explain (${analyze ? 'analyze, ' : ''}format json) execute ${name}${given}`,
    })
    await connection.query({ text: `deallocate ${name}` })
    const [{ Plan: plan }] = rows.flatMap((row) => row['QUERY PLAN']) as [{ Plan: Plan }]
    return plan
  }
  return planning(knex, explained, mode)
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Date) return pg.escapeLiteral(value.toISOString())
  if (!Array.isArray(value)) return pg.escapeLiteral(String(value))
  const members = value.map((each) => (each === null ? 'null' : `"${String(each).replaceAll(/["\\]/g, '\\$&')}"`))
  return pg.escapeLiteral(`{${members.join(',')}}`)
}

/** Every step of a plan. */
export const stepsOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(stepsOf)]

/** Steps that reach rows by what a step below them has found. */
const byOthers = ['ModifyTable', 'Bitmap Heap Scan', 'Tid Scan']

/** Tables that are read otherwise than through a condition on an index, or for a row or two of it. */
export function readWhole(plan: Plan): string[] {
  const isOfFew = ({ 'Node Type': node }: Plan) => plan['Node Type'] === 'Limit' && node === 'Index Scan'
  const below = (plan.Plans ?? []).filter((each) => !isOfFew(each)).flatMap(readWhole)
  const { 'Relation Name': table, 'Node Type': node } = plan
  if (table === undefined || byOthers.includes(node)) return below
  return plan['Index Cond'] === undefined ? [...below, `${node} of ${table}`] : below
}
