import { open, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Core } from '../build/core.ts'
import { exportAccounts } from '../moving/account-export.ts'
import type { CommandContext } from './command.ts'
import { reasonOf } from './confirm.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson } from './output.ts'
import { takeAlong } from './users-take-along-command.ts'

/** `users export`: the archive of one person, or all accounts. */
export async function exportUsers(context: CommandContext): Promise<number> {
  const { args, flags, stderr } = context
  const isAll = flags['all'] === true
  if (isAll !== (args.length === 0)) {
    stderr.write('error: name a user, or say --all to write all accounts out\n')
    return 2
  }
  return isAll ? exportAll(context) : takeAlong(context)
}

/**
 * All accounts, to a file that only its owner reads, or to standard output. SECURITY: it has the numbers of everybody
 * and the hashes of their passwords; a file that is there already, maybe with other rights, is not written over.
 */
async function exportAll(context: CommandContext): Promise<number> {
  const { flags, cwd, stdout, stderr } = context
  const out = flags['out']
  if (typeof out !== 'string') {
    const count = await withCore(context, (core) => exportTo(context, core, async (lines) => stdout.write(lines)))
    stderr.write(warning(count))
    return 0
  }
  const path = resolve(cwd, out)
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  if (!file) return refuse(context, `${path} is there already`)
  try {
    const count = await withCore(context, (core) => exportTo(context, core, (lines) => file.write(lines))).catch(
      async (error: unknown) => {
        // Half of the accounts look like all of them.
        await unlink(path)
        throw error
      },
    )
    await file.sync()
    if (flags['json'] === true) printJson(stdout, { accounts: count, file: path })
    else stdout.write(`${count} accounts written to ${path}\n`)
    stderr.write(warning(count))
    return 0
  } finally {
    await file.close()
  }
}

async function exportTo(context: CommandContext, core: Core, write: (lines: string) => Promise<unknown>) {
  const accounts = await exportAccounts(core, write)
  await core.audit.write({
    event: 'users.exported',
    detail: { operator: operatorOf(context), why: reasonOf(context), accounts },
  })
  return accounts
}

function warning(count: number): string {
  return `these ${count} accounts have phone numbers, addresses and password hashes: keep the file as you keep the database\n`
}
