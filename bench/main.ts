import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { type Child, startChild } from './child.ts'
import type { LoadCalls } from './load.ts'
import { besideNames, type Server, serverNames, startServer } from './measure.ts'
import { measureAll } from './measuring.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { reportText } from './report.ts'
import type { Report } from './rows.ts'
import { startStores } from './stores.ts'

function versionOf(name: string): string {
  const path = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

async function bench(options: Options): Promise<Report> {
  const stores = await startStores()
  const children: Child<never>[] = []
  try {
    const load = startChild<LoadCalls>('./load.ts')
    children.push(load as never)
    const servers: Server[] = []
    const checkout = options.beside
    for (const name of [...serverNames, ...(checkout === undefined ? [] : besideNames)]) {
      const isBeside = besideNames.some((each) => each === name)
      const server = await startServer(name, stores, isBeside ? { checkout } : {})
      servers.push(server)
      children.push(server.child as never)
    }
    if (options.profile !== undefined) await mkdir(options.profile, { recursive: true })
    const versions = {
      node: process.version,
      'oidc-provider': versionOf('oidc-provider'),
      PostgreSQL: stores.postgresVersion,
      Redis: stores.redisVersion,
    }
    return await measureAll({ options, stores, load, servers }, versions)
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    await stores.stop()
  }
}

try {
  const options = parseOptions(process.argv.slice(2))
  const report = await bench(options)
  process.stdout.write(reportText(report))
  if (report.failures.length > 0) process.exitCode = 1
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n\n${usage}`)
  process.exitCode = 1
}
