// A process that migrates the database given, and says what it applied or what went wrong.
import { migrateUp } from '../../src/store/migrate.ts'
import { openDatabase } from '../../src/store/postgres.ts'

const [url = '', directory] = process.argv.slice(2)
const database = openDatabase({ url, poolSize: 1 })
try {
  const applied = await migrateUp(database, () => {}, directory)
  process.stdout.write(`${JSON.stringify(applied)}\n`)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.stack : error}\n`)
  process.exitCode = 1
} finally {
  await database.close()
}
