import type { Command } from '../../src/cli/command.ts'
import { exitRows, optionRows } from '../../src/cli/help.ts'

/** The reference of all commands, as Markdown. */
export function commandsMarkdown(commands: readonly Command[]): string {
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
    'Written by `npm run docs` from the tables that `src/cli/command-table.ts` puts together; do not edit.',
    '',
    'Results go to standard output, everything else to standard error.',
  ]
  return `${[...head, ...sections].join('\n')}\n`
}
