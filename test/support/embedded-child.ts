// A process that opens the embedded PostgreSQL of the folder given, says so in one line, and stays until it is told to stop or killed.
import { openEmbedded } from '../../src/store/embedded.ts'
import { openDatabase } from '../../src/store/postgres.ts'

const [dataDir = '', statement = 'select 1'] = process.argv.slice(2)
try {
  const embedded = await openEmbedded({ dataDir, pid: process.pid, serve: true })
  const database = openDatabase({ url: embedded.url, poolSize: 1 })
  await database.knex.raw(statement)
  process.stdout.write('ready\n')
  process.stdin.once('end', async () => {
    await database.close()
    await embedded.stop()
    process.exit(0)
  })
  process.stdin.resume()
} catch (error) {
  process.stdout.write(`refused: ${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
