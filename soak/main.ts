import { writeFile } from 'node:fs/promises'
import { startStores } from '../bench/stores.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { type Result, reportText } from './report.ts'
import { soak } from './soak.ts'

const tell = (text: string) => process.stderr.write(`${text}\n`)

async function run(options: Options): Promise<Result> {
  const save = async (result: Result) => {
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, undefined, 2)}\n`)
  }
  const stores = await startStores()
  const enough = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => enough.abort())
  try {
    const result = await soak(options, stores, { tell, save, enough: enough.signal })
    await save(result)
    return result
  } finally {
    await stores.stop()
  }
}

try {
  const result = await run(parseOptions(process.argv.slice(2)))
  process.stdout.write(reportText(result))
  process.exitCode = result.findings.length === 0 ? 0 : 1
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n\n${usage}`)
  process.exitCode = 1
}
