import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { hasher } from '../accounts/hashing.ts'
import type { Core } from '../build/core.ts'
import { type ImportOrder, importAccounts } from '../moving/account-import.ts'
import { charsets } from '../moving/file-text.ts'
import type { FormatOptions } from '../moving/format.ts'
import { ownFormat } from '../moving/formats/own-format.ts'
import { formats } from '../moving/formats.ts'
import { UnreadableFile } from '../moving/steady-file.ts'
import { readColumnMap } from './column-map.ts'
import type { CommandContext } from './command.ts'
import { flatMemory } from './flat-memory.ts'
import { importTeller } from './import-report.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'

/** `users import`: what was found first, each with its place, then what came of the rest. */
export async function importUsers(context: CommandContext): Promise<number> {
  const said = readFlags(context)
  if (typeof said === 'string') return wrongUsage(context, said)
  const { map } = context.flags
  const columns = typeof map === 'string' ? await readColumnMap(resolve(context.cwd, map)) : undefined
  if (typeof columns === 'string') return wrongUsage(context, columns)
  const teller = importTeller(context, said)
  const run = withCore(context, async (core) => {
    const { password, pictures } = core.config
    const lanes = password.workers ?? availableParallelism()
    const hashing = hasher({ parameters: password.argon2, workers: lanes, maxQueue: lanes })
    const order = orderOf(context, core, { ...said, columns, onFinding: teller.finding })
    try {
      const imported = await importAccounts({ ...core, hasher: hashing, lanes, copiesPictures: pictures.copy }, order)
      teller.end(imported)
      if (imported.problems > 0) return 1
      return said.isDryRun && imported.imported > 0 ? 3 : 0
    } finally {
      await hashing.close()
    }
  })
  return run.catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    teller.fail(reason)
    if (!(error instanceof UnreadableFile)) throw error
    return refuse(context, reason)
  })
}

/** What was said on the command line; a sentence where it makes no sense. */
function readFlags({ flags, args, cwd }: CommandContext) {
  const text = (name: string) => (typeof flags[name] === 'string' ? String(flags[name]) : undefined)
  const format = formats.find(({ name }) => name === (text('from') ?? 'menshen'))
  if (!format) return `--from is one of ${formats.map(({ name }) => name).join(', ')}`
  if (text('map') !== undefined && format !== ownFormat) return '--map goes with files of ours alone'
  if (args.includes('-')) return 'standard input has no name that says what it is: write it to a file'
  const charset = charsets.find((each) => each === (text('charset') ?? 'utf-8').toLowerCase())
  if (!charset) return `--charset is one of ${charsets.join(', ')}`
  const apps = (text('apps') ?? '').split(',').filter(Boolean)
  if (!apps.every((each) => /^[^=]+=[^=:\s]+$/.test(each))) return '--apps is a list such as wx-mp=wx0123,wx-app=wx4567'
  const proved = (text('verified') ?? '').split(',').filter(Boolean)
  if (!proved.every((each) => each === 'phone' || each === 'email')) return '--verified is phone, email or phone,email'
  const country = text('country') ?? '86'
  if (!/^\d{1,4}$/.test(country)) return '--country is a calling code such as 86'
  const source = text('source') ?? format.name
  if (!/^[\w.:-]{1,64}$/.test(source)) return '--source is a short name'
  return {
    ...{ format, charset, country, source, paths: args.map((path) => resolve(cwd, path)) },
    apps: new Map(apps.map((each) => each.split('=') as [string, string])),
    proved: new Set(proved),
    ...{ formula: text('formula'), secret: text('secret') },
    isDryRun: flags['dry-run'] === true,
    skipsInvalid: flags['skip-invalid'] === true,
  }
}

type Said = Exclude<ReturnType<typeof readFlags>, string> &
  Pick<ImportOrder, 'onFinding'> &
  Pick<FormatOptions, 'columns'>

function orderOf(context: CommandContext, { config, clock }: Core, said: Said): ImportOrder {
  const secretNames = new Set(Object.keys(config.password.former_secrets))
  const nowMs = clock()
  const options: FormatOptions = { ...said, secretNames, nowMs }
  return {
    ...said,
    options,
    reading: { nowMs, country: said.country, secretNames, keepsIds: said.format.keepsIds ?? false },
    operator: operatorOf(context),
    onBatch: flatMemory(),
    onProgress: (text) => context.stderr.write(`${text}\n`),
  }
}

function wrongUsage({ stderr }: CommandContext, reason: string): number {
  stderr.write(`error: ${reason}\n`)
  return 2
}
