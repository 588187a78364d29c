import type { Core } from '../build/core.ts'
import { libraryProblems } from '../oidc/client-validation.ts'
import { type Catalog, loadCatalog } from '../oidc/clients/catalog.ts'
import { type Applied, applySeeds } from '../oidc/clients/client-changes.ts'
import { hasChanges } from '../oidc/clients/client-plan.ts'
import { catalogProblems } from '../oidc/clients/seed-checks.ts'
import { problemLine, type SeedProblem } from '../oidc/clients/seed-document.ts'
import { readSeeds, type Seeds } from '../oidc/clients/seed-file.ts'
import { ensureKeys } from '../oidc/keys/key-rotation.ts'
import { type Keys, loadKeys, throwawayKeys } from '../oidc/keys/signing-keys.ts'
import { awaitServers } from './await-servers.ts'
import type { CommandContext } from './command.ts'
import { operatorOf, withCore } from './open-core.ts'
import { printJson } from './output.ts'
import { planJson, planText, secretsText } from './plan-text.ts'
import { validatingProvider } from './validating-provider.ts'

/** The files do not fit; every reason is in it, and nothing was changed. */
class Refused extends Error {
  readonly problems: readonly SeedProblem[]

  constructor(problems: readonly SeedProblem[]) {
    super('the files were refused')
    this.problems = problems
  }
}

/** `clients apply`: reads, checks, plans and, unless it is a dry run, writes. */
export async function apply(context: CommandContext): Promise<number> {
  const { flags } = context
  const isDryRun = flags['dry-run'] === true
  try {
    return await withCore(context, async (core) => {
      const done = await work(core, context, isDryRun)
      // Before any wait: whoever ends that must not lose secrets that nobody can see again.
      report(done, context, isDryRun)
      if (isDryRun) return hasChanges(done.plan) ? 3 : 0
      return awaitServers(core, context)
    })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    reportProblems(error.problems, context)
    return 1
  }
}

async function work(core: Core, context: CommandContext, isDryRun: boolean): Promise<Applied> {
  const { config, database, sealer, clock, log } = core
  const { args, cwd, env, flags } = context
  const prune = flags['prune'] === true
  const seeds = readSeeds({ files: args, cwd, env, lifetimes: config.lifetimes })
  const refusals = await libraryProblems(seeds.clients, validatingProvider(core, await keysFor(core, isDryRun)))
  const check = (catalog: Catalog) =>
    refuseAny(seeds, [
      ...refusals,
      ...catalogProblems(seeds, catalog, {
        prune,
        lifetimes: config.lifetimes,
        hasSms: config.login.methods.includes('sms'),
      }),
    ])
  // Checked once before waiting for the lock.
  check(await loadCatalog(database.knex))
  return applySeeds(seeds, { prune, check, isDryRun }, { database, sealer, clock, log, operator: operatorOf(context) })
}

/**
 * The keys the server signs with. They are opened, so that nothing is sealed under a wrong master key that the server
 * could not open. A database without keys gets its first ones, except in a dry run.
 */
async function keysFor(core: Core, isDryRun: boolean): Promise<Keys> {
  if (!isDryRun) await ensureKeys(core)
  const keys = await loadKeys(core)
  return keys.infos.length > 0 ? keys : throwawayKeys()
}

function refuseAny({ problems }: Seeds, more: readonly SeedProblem[]): void {
  const all = [...problems, ...more]
  if (all.length > 0) throw new Refused(all)
}

function report({ plan, secrets }: Applied, { args, flags, stdout, stderr }: CommandContext, isDryRun: boolean): void {
  if (flags['json'] === true) {
    printJson(stdout, { applied: !isDryRun && hasChanges(plan), ...planJson(plan, secrets, isDryRun) })
    return
  }
  stdout.write(planText(plan, { isDryRun, fileCount: args.length, isVerbose: flags['verbose'] === true }))
  stdout.write(secretsText(secrets))
  if (!hasChanges(plan)) return
  stderr.write(isDryRun ? 'dry run: nothing was written\n' : 'applied; running servers follow within seconds\n')
}

/** Prints the problems in the order of the files. */
function reportProblems(problems: readonly SeedProblem[], { args, flags, stdout, stderr }: CommandContext): void {
  const sorted = problems.toSorted(
    (a, b) => args.indexOf(a.file) - args.indexOf(b.file) || (a.line ?? 0) - (b.line ?? 0),
  )
  if (flags['json'] === true) {
    printJson(stdout, {
      applied: false,
      problems: sorted.map(({ line, ...rest }) => ({ line: line ?? null, ...rest })),
    })
    return
  }
  const count = sorted.length === 1 ? 'one problem' : `${sorted.length} problems`
  stderr.write(`${sorted.map((each) => `${problemLine(each)}\n`).join('')}${count}; nothing was changed\n`)
}
