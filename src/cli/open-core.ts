import { userInfo } from 'node:os'
import type { Core } from '../build/core.ts'
import { type LoadedConfig, loadConfig } from '../config/config.ts'
import type { Log } from '../ops/log.ts'
import type { CommandContext } from './command.ts'

/** The configuration in force for a command. Throws `ConfigError`. */
export function configOf({ flags, env, cwd, stdout }: CommandContext): LoadedConfig {
  const file = flags['config']
  const argv = { config: typeof file === 'string' ? file : undefined }
  return loadConfig({ argv, env, cwd, isTerminal: stdout.isTTY === true })
}

/** A log on standard error: standard output holds results only. */
export async function logOf({ stderr }: CommandContext, { config }: LoadedConfig): Promise<Log> {
  const { createLog } = await import('../ops/log.ts')
  return createLog({ ...config.log, destination: { write: (line) => stderr.write(line) } })
}

/** Opens the stores for as long as the work lasts, beside a server that may be running on them. */
export async function withCore<Result>(
  context: CommandContext,
  work: (core: Core) => Promise<Result>,
): Promise<Result> {
  const loaded = configOf(context)
  const [{ openCore }, log] = await Promise.all([import('../build/core.ts'), logOf(context, loaded)])
  const core = await openCore({ config: loaded.config, log, serve: false })
  try {
    return await work(core)
  } finally {
    await core.close()
  }
}

/** Says why a command does not do what it was asked to, and answers its exit status. */
export function refuse({ stderr }: Pick<CommandContext, 'stderr'>, reason: string): number {
  stderr.write(`error: ${reason}\n`)
  return 1
}

/** Who is at the keyboard, for the audit: the person behind sudo where there is one. */
export function operatorOf({ env }: Pick<CommandContext, 'env'>): string {
  const behindSudo = env['SUDO_USER']
  if (behindSudo) return behindSudo
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that has no name.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
