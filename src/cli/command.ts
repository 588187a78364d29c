/** Where a command writes: a stream of the process, or a test's. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** What a command reads: standard input, or a test's. */
export interface Input extends AsyncIterable<unknown> {
  readonly isTTY?: boolean
}

/** One option of a command. */
export interface Option {
  readonly type: 'string' | 'boolean'
  readonly summary: string
  /** Name of the value in help: `--config FILE`. */
  readonly value?: string
  /** For a number that may be left out: what it is then. The next word is it only where that is a number. */
  readonly unsaid?: number
}

/** One command: noun, verb, and where its function is. The module is loaded only when the command runs. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** What follows the name, besides options: `<file>...`, `[name]`. */
  readonly usage: string
  readonly args: { readonly min: number; readonly max: number }
  readonly options: Readonly<Record<string, Option>>
  readonly module: `./${string}.ts`
  readonly action: string
  /** It works on rows without end, in little memory. */
  readonly isEndless?: true
  /** Exit statuses beyond 0, 1 and 2. */
  readonly exits?: Readonly<Record<number, string>>
}

/** Environment variables, by name. */
export type Env = Readonly<Record<string, string | undefined>>
/** The options that were given, by name. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>

/** What a command gets to work with. */
export interface CommandContext {
  /** What follows the command's name. */
  readonly args: readonly string[]
  readonly flags: Flags
  /** Results only. */
  readonly stdout: Output
  /** Talk: progress, warnings, errors. */
  readonly stderr: Output
  /** Standard input, for secrets that must not appear on the command line, and for answers of a person. */
  readonly stdin?: Input | undefined
  readonly env: Env
  readonly cwd: string
}

/**
 * Answers the exit status: 0 done, 1 refused or a problem found, 2 wrong usage. What it throws is printed and becomes
 * 1.
 */
export type Run = (context: CommandContext) => Promise<number>

/** Every command takes these. */
export const commonOptions: Readonly<Record<string, Option>> = {
  config: { type: 'string', value: 'FILE', summary: 'Configuration file.' },
  json: { type: 'boolean', summary: 'Results as JSON, for machines.' },
  help: { type: 'boolean', summary: 'What the command does, and its options.' },
}

/** How many arguments a command takes. */
export const [none, one, many] = [
  { min: 0, max: 0 },
  { min: 1, max: 1 },
  { min: 1, max: 100 },
] as const

/** The option of every command that can show what it would do. */
export const dryRun: Option = { type: 'boolean', summary: 'Show what would change, and change nothing.' }

/** What such a command ends with. */
export const dryRunExits = { 3: 'with --dry-run: there is something to change' }

/** The option of every command of support: why it is done, for the audit. */
export const why: Option = { type: 'string', value: 'TEXT', summary: 'Why, for the audit.' }

/** The option of every command that asks before it does something that cannot be taken back. */
export const yes: Option = { type: 'boolean', summary: 'Do it without asking.' }

/** The option of every command that shows less of a person than there is. */
export const full: Option = { type: 'boolean', summary: 'Numbers, addresses and upstream ids in full; say why.' }

/** The option that says how many rows are told. */
export const limit = {
  type: 'string',
  value: 'NUMBER',
  summary: 'Rows of a page, 50 if it is not said, 1000 at most.',
} as const satisfies Option

/** The options of every command that answers in pages. */
export const paged = {
  limit,
  after: { type: 'string', value: 'CURSOR', summary: 'The page after the one that has told this.' },
} as const satisfies Readonly<Record<string, Option>>

/** The option of every command whose change running servers have to take over. */
export const wait: Option = {
  type: 'string',
  value: 'SECONDS',
  unsaid: 60,
  summary:
    'Return when every running server has the change; after 60 seconds, or as many as are given, say which have not.',
}

/** What such a command ends with. */
export const waitExits = { 4: 'with --wait: done, but not every running server has the change yet' }
