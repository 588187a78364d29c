import { readFile } from 'node:fs/promises'
import { z } from 'zod'

const columnMap = z.record(z.string().min(1), z.string().min(1).nullable())

/** Our names of the columns of a file, by what they are called there; undefined for a column that is left out. */
export type ColumnMap = ReadonlyMap<string, string | undefined>

/**
 * Reads the file of `--map`: a JSON object such as `{ "手机号": "phone", "备注": null }`. Answers a sentence where it is
 * none, or where two columns would become one.
 */
export async function readColumnMap(path: string): Promise<ColumnMap | string> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError) && (error as NodeJS.ErrnoException).code === undefined) throw error
    return `--map: ${path} is no file with a JSON object`
  }
  const read = columnMap.safeParse(value)
  if (!read.success) return `--map: ${path} has for each column our name of it, or null to leave it out`
  const entries = Object.entries(read.data).map(([name, ours]) => [name, ours ?? undefined] as const)
  const named = entries.flatMap(([, ours]) => ours ?? [])
  const twice = named.find((name, at) => named.indexOf(name) !== at)
  return twice === undefined ? new Map(entries) : `--map: two columns would be ${twice}`
}
