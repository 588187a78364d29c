import { type Command, commonOptions, type Option } from './command.ts'

const exitStatuses: Readonly<Record<number, string>> = {
  0: 'done, or nothing to do',
  1: 'refused, or a problem was found',
  2: 'wrong usage',
}

/** The list of commands. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name, usage }) => `${name} ${usage}`.trim().length))
  const lines = commands.map(({ name, usage, summary }) => `  ${`${name} ${usage}`.trim().padEnd(width)}  ${summary}`)
  return `usage: menshen <command> [options]\n\n${lines.join('\n')}\n\nmenshen <command> --help tells the options of one, menshen --version the version.\n`
}

/** Everything about one command. */
export function commandHelp(command: Command): string {
  const options = optionRows(command)
  const width = Math.max(...options.map(([name]) => name.length))
  return [
    `usage: menshen ${`${command.name} ${command.usage}`.trim()} [options]`,
    '',
    command.summary,
    '',
    ...options.map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    `exit status: ${exitRows(command)
      .map(([status, meaning]) => `${status} ${meaning}`)
      .join('; ')}`,
    '',
  ].join('\n')
}

/** The options of a command with the common ones: how each is written, and what it does. */
export function optionRows({ options }: Command): [string, string][] {
  return Object.entries({ ...options, ...commonOptions }).map(([name, option]) => [
    optionText(name, option),
    option.summary,
  ])
}

function optionText(name: string, { type, value, unsaid }: Option): string {
  if (unsaid !== undefined) return `--${name} [${value ?? 'NUMBER'}]`
  return type === 'boolean' ? `--${name}` : `--${name} ${value ?? 'VALUE'}`
}

/** What each exit status of a command means. */
export function exitRows({ exits }: Command): [string, string][] {
  return Object.entries({ ...exitStatuses, ...exits })
}
