import { ConfigError, loadConfig } from '../config/config.ts'
import { exampleConfig, printConfig } from '../config/reference.ts'
import { jsonSchema } from '../config/settings.ts'
import type { CommandContext } from './command.ts'
import { printJson, tableText } from './output.ts'

/** `config check`: 1 with every problem; otherwise 0, with a line for each thing that is not fit for production. */
export async function check(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  try {
    const { warnings } = load(context)
    if (flags['json'] === true) printJson(stdout, { ok: true, problems: [], warnings })
    else
      stdout.write(
        `${['the configuration is fine', ...warnings.map(({ line, setting }) => `  ${setting}: ${line}`)].join('\n')}\n`,
      )
    return 0
  } catch (thrown) {
    if (flags['json'] !== true || !(thrown instanceof ConfigError)) throw thrown
    printJson(stdout, { ok: false, problems: thrown.problems, warnings: [] })
    return 1
  }
}

/** `config print`: what is in force and where it came from. */
export async function print(context: CommandContext): Promise<number> {
  const rows = printConfig(load(context))
  if (context.flags['json'] === true) printJson(context.stdout, rows)
  else {
    const lines = rows.map(({ path, value, source }) => [
      path,
      typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value),
      source,
    ])
    context.stdout.write(tableText(['setting', 'value', 'source'], lines))
  }
  return 0
}

/** `config schema`: always JSON. */
export async function schema({ stdout }: CommandContext): Promise<number> {
  printJson(stdout, jsonSchema())
  return 0
}

/** `config example`: a file to start from. */
export async function example({ flags, stdout }: CommandContext): Promise<number> {
  if (flags['json'] === true) printJson(stdout, { example: exampleConfig() })
  else stdout.write(exampleConfig())
  return 0
}

function load({ flags, env, cwd, stdout }: CommandContext) {
  const file = flags['config']
  return loadConfig({
    argv: { config: typeof file === 'string' ? file : undefined },
    env,
    cwd,
    isTerminal: stdout.isTTY === true,
  })
}
