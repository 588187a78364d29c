import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Secret } from '../base/secret.ts'
import type { Config } from '../config/config.ts'
import { databaseOptions } from '../config/process-options.ts'
import { openEmbedded } from '../store/embedded.ts'
import { leftOut, type MovedTable, MoveRefused, moveDatabase } from '../store/move-database.ts'
import { openDatabase } from '../store/postgres.ts'
import type { CommandContext } from './command.ts'
import { configOf, refuse } from './open-core.ts'
import { printJson, tableText } from './output.ts'

/** `move`: everything that lasts, from the embedded store to another PostgreSQL, while no server runs on either. */
export async function move(context: CommandContext): Promise<number> {
  const { config } = configOf(context)
  const isTrial = context.flags['dry-run'] === true
  const to = targetOf(context, config)
  if (to === undefined) return refuse(context, 'say where to: --to postgres://…, or set DATABASE_URL')
  const folder = resolve(config.data_dir)
  // To open the embedded store would make one.
  if (!existsSync(join(folder, 'postgres')))
    return refuse(context, `there is no embedded store in ${folder}; set MENSHEN_DATA_DIR`)
  try {
    const tables = await moveTo(to, { folder, isTrial }, context)
    return report(context, tables, { config, folder, isTrial })
  } catch (error) {
    if (error instanceof MoveRefused) return refuse(context, error.message)
    throw error
  }
}

/** Where to; what needs a connection of its own goes past a pooler. */
interface Target {
  readonly url: Secret
  readonly directUrl?: Secret | undefined
}

/**
 * The database of the settings, or another one. SECURITY: others on the machine can read a command line, so the address
 * may come from the settings instead.
 */
function targetOf({ flags }: CommandContext, { database }: Config): Target | undefined {
  const said = flags['to']
  if (typeof said !== 'string') return database.url && { url: database.url, directUrl: database.direct_url }
  const read = databaseOptions.shape.url.safeParse(said)
  if (!read.success) throw new Error(`--to ${read.error.issues[0]?.message}`)
  return read.data && { url: read.data }
}

interface Way {
  readonly folder: string
  readonly isTrial: boolean
}

async function moveTo(
  target: Target,
  { folder, isTrial }: Way,
  { stderr }: CommandContext,
): Promise<readonly MovedTable[]> {
  const log = (line: string) => void stderr.write(`${line}\n`)
  // The claim of a server: one that runs is told of, and none starts meanwhile.
  const embedded = await openEmbedded({ dataDir: folder, pid: process.pid, serve: true, log })
  const from = openDatabase({ url: embedded.url, poolSize: 1 })
  const to = openDatabase({ ...target, poolSize: 1 })
  try {
    return await moveDatabase({ from, to, isTrial, log })
  } finally {
    await Promise.all([from.close(), to.close()])
    await embedded.stop()
  }
}

function report(
  { flags, stdout, stderr }: CommandContext,
  tables: readonly MovedTable[],
  { config, folder, isTrial }: Way & { readonly config: Config },
): number {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const steps = nextSettings(config, folder)
  if (flags['json'] === true) printJson(stdout, { tables, rows, left_out: leftOut, next: steps, dry_run: isTrial })
  else {
    stdout.write(
      tableText(
        ['table', 'rows', 'digest'],
        tables.map(({ table, rows, digest }) => [table, rows, digest]),
      ),
    )
    if (isTrial) stdout.write(`${rows} rows would be moved; nothing was written\n`)
    else stdout.write(`${rows} rows were moved; their numbers and digests are the same on both sides\n`)
  }
  if (isTrial) return rows > 0 ? 3 : 0
  stderr.write('set for the server that goes on there:\n')
  for (const [name, value] of Object.entries(steps)) stderr.write(`  ${name}: ${value}\n`)
  stderr.write('then ask config check and doctor, and start it.\n')
  stderr.write(`${folder} is as it was: start no server on it again, and remove it when the new one is well\n`)
  return 0
}

/** SECURITY: the key itself is not shown, but where it is. */
function nextSettings({ secret_key, issuer }: Config, folder: string): Readonly<Record<string, string>> {
  const file = join(folder, 'secret.key')
  const [name, place] =
    secret_key === undefined && existsSync(file)
      ? ['MENSHEN_SECRET_KEY_FILE', `${file}, or a copy of it`]
      : ['MENSHEN_SECRET_KEY', secret_key === undefined ? 'the one of the server so far' : 'the one that is set now']
  return {
    DATABASE_URL: 'the address of the database that has everything now',
    [name]: `${place}; without it no key, session or token opens`,
    ISSUER: `the https address for good; tokens so far name ${issuer}`,
    NODE_ENV: 'production',
  }
}
