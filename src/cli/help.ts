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
  return `usage: menshen <command> [options]\n\n${lines.join('\n')}\n\nmenshen <command> --help tells the options of one.\n`
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

/** The reference of all commands, as Markdown. */
export function cliMarkdown(commands: readonly Command[]): string {
  const sections = commands.flatMap((command) => [
    '',
    `## ${command.name}`,
    '',
    command.summary,
    '',
    '```',
    `menshen ${`${command.name} ${command.usage}`.trim()} [options]`,
    '```',
    '',
    '| option | meaning |',
    '| --- | --- |',
    ...optionRows(command).map(([name, summary]) => `| \`${name}\` | ${summary} |`),
    '',
    `Exit status: ${exitRows(command)
      .map(([status, meaning]) => `${status} ${meaning}`)
      .join('; ')}.`,
  ])
  const head = [
    '# Commands',
    '',
    'Written by `menshen docs` from the table in `src/cli/command-table.ts`; do not edit.',
    '',
    'Results go to standard output, everything else to standard error.',
  ]
  return `${[...head, ...sections].join('\n')}\n`
}

function optionRows({ options }: Command): [string, string][] {
  return Object.entries({ ...options, ...commonOptions }).map(([name, option]) => [
    optionText(name, option),
    option.summary,
  ])
}

function optionText(name: string, { type, value }: Option): string {
  return type === 'boolean' ? `--${name}` : `--${name} ${value ?? 'VALUE'}`
}

function exitRows({ exits }: Command): [string, string][] {
  return Object.entries({ ...exitStatuses, ...exits })
}
