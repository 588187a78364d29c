import type { Config } from '../config/config.ts'
import { openEmbedded } from '../store/embedded.ts'
import { migrateUp, migrationStatus } from '../store/migrate.ts'
import { type Database, openDatabase } from '../store/postgres.ts'
import type { CommandContext } from './command.ts'
import { configOf } from './open-core.ts'
import { printJson, tableText } from './output.ts'

/** `migrate up`: safe to run again and at the same time as others. */
export async function up(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  const applied = await withDatabase(context, (database) => migrateUp(database, (line) => stderr.write(`${line}\n`)))
  if (flags['json'] === true) printJson(stdout, { applied })
  else stdout.write(applied.length === 0 ? 'the schema is up to date\n' : `${applied.length} applied\n`)
  return 0
}

/** `migrate status`: writes nothing. */
export async function status(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  const found = await withDatabase(context, (database) => migrationStatus(database))
  const { applied, pending, unknown, incompatible, changed } = found
  if (flags['json'] === true) printJson(stdout, found)
  else {
    const state = (name: string) => (changed.includes(name) ? 'applied, but the file was changed since' : 'applied')
    const rows = [
      ...applied.map((name) => [name, state(name)]),
      ...pending.map((name) => [name, 'missing']),
      ...unknown.map((name) => [
        name,
        incompatible.includes(name) ? 'too new for this version' : 'newer than this version',
      ]),
    ]
    stdout.write(tableText(['migration', 'state'], rows))
  }
  if (pending.length > 0) stderr.write('menshen migrate up applies what is missing\n')
  if (incompatible.length > 0)
    stderr.write('the schema is too new for this program; run the version that made it, or later\n')
  else if (unknown.length > 0) stderr.write('the schema is newer than this program, which can go on with it\n')
  return pending.length + incompatible.length > 0 ? 1 : 0
}

async function withDatabase<Result>(
  context: CommandContext,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const { config } = configOf(context)
  const { database, close } = await openBare(config)
  try {
    return await work(database)
  } finally {
    await close()
  }
}

/** The database alone, whatever its schema; the embedded one is started when nobody has. */
export async function openBare(config: Config): Promise<{
  readonly database: Database
  close(): Promise<void>
}> {
  const embedded = config.database.url
    ? undefined
    : await openEmbedded({ dataDir: config.data_dir, pid: process.pid, serve: false })
  const url = config.database.url ?? embedded?.url
  if (!url) throw new Error('there is no database')
  const database = openDatabase({ url, directUrl: config.database.direct_url, poolSize: 2 })
  return {
    database,
    async close() {
      await database.close()
      await embedded?.stop()
    },
  }
}
