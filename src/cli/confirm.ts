import type { CommandContext, Input } from './command.ts'
import { refuse } from './open-core.ts'
import { cellText } from './output.ts'

/** What was said with `--why`; undefined when nothing was. */
export function reasonOf({ flags }: Pick<CommandContext, 'flags'>): string | undefined {
  const said = flags['why']
  const text = typeof said === 'string' ? said.trim() : ''
  return text === '' ? undefined : text
}

/** Does something for which the operator has to say why; refuses when they have not. */
export async function withReason(context: CommandContext, work: (why: string) => Promise<number>): Promise<number> {
  const said = reasonOf(context)
  return said === undefined ? refuse(context, 'say why: --why TEXT, for the audit') : work(said)
}

/**
 * Does what cannot be taken back once somebody has agreed: with `--yes`, or by typing `y` at a terminal. A script that
 * says neither is refused, because nobody would see the question. A trial (`--dry-run`) is not asked about.
 */
export async function confirmed(
  context: CommandContext,
  question: string,
  work: () => Promise<number>,
): Promise<number> {
  const { flags, stdin, stderr } = context
  if (flags['yes'] === true || flags['dry-run'] === true) return work()
  if (stdin?.isTTY !== true) return refuse(context, `${cellText(question)} Say --yes if that is meant.`)
  stderr.write(`${cellText(question)} [y/N] `)
  const answer = await firstLine(stdin)
  return /^y(es)?$/i.test(answer) ? work() : refuse(context, 'not confirmed, nothing was changed')
}

const longestAnswer = 1000

async function firstLine(stdin: Input): Promise<string> {
  let typed = ''
  for await (const chunk of stdin) {
    typed += chunk
    if (typed.includes('\n') || typed.length > longestAnswer) break
  }
  return typed.split('\n')[0]?.trim() ?? ''
}
