import { readFileSync } from 'node:fs'
import { nearest } from '../base/nearest.ts'
import { readArguments } from './arguments.ts'
import type { Command, Env, Input, Output, Run } from './command.ts'
import { commands } from './command-table.ts'
import { keepNewThingsFew } from './flat-memory.ts'
import { commandHelp, overview } from './help.ts'

/** What the process hands to the command line. */
export interface MainInput {
  readonly argv: readonly string[]
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin?: Input
  readonly cwd: string
  /** The environment of the process when absent. */
  readonly env?: Env
}

/** Finds the command, reads its options, runs it and answers the exit status. */
export async function main({ argv, stdout, stderr, stdin, cwd, env: given }: MainInput): Promise<number> {
  if (argv[0] === '--version' || argv[0] === 'version') return say(stdout, `menshen ${version()}\n`, 0)
  const asksForHelp = argv[0] === 'help' || argv[0] === '--help' || argv[0] === '-h'
  const words = asksForHelp ? argv.slice(1) : argv
  const command = find(words)
  if (command === undefined) return withoutCommand(words, asksForHelp, { stdout, stderr })
  if (asksForHelp) return say(stdout, commandHelp(command), 0)

  const read = readArguments(command, words.slice(command.name.split(' ').length))
  if ('problem' in read) return say(stderr, `${read.problem}\nusage: menshen ${command.name} ${command.usage}\n`, 2)
  if (read.flags['help'] === true) return say(stdout, commandHelp(command), 0)

  if (command.isEndless) keepNewThingsFew()
  let isDebug = false
  try {
    const env = given ?? (await import('../config/config.ts')).environment()
    isDebug = /^(debug|trace)$/.test(env['LOG_LEVEL'] ?? '')
    const run = await loadRun(command)
    return await run({ args: read.args, flags: read.flags, stdout, stderr, stdin, env, cwd })
  } catch (thrown) {
    const { printError } = await import('./output.ts')
    printError(stderr, thrown, { debug: isDebug })
    return 1
  }
}

/** The function behind a command. Throws when the table names what is not there. */
export async function loadRun({ module, action }: Command): Promise<Run> {
  const specifier: string = module
  const loaded = (await import(specifier)) as Readonly<Record<string, unknown>>
  const run = loaded[action]
  if (typeof run !== 'function') throw new Error(`${module} exports no ${action}`)
  return run as Run
}

/** Of this program, as its package says. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}

function find(words: readonly string[]): Command | undefined {
  return commands.find(({ name }) => name.split(' ').every((part, index) => words[index] === part))
}

function withoutCommand(
  words: readonly string[],
  asksForHelp: boolean,
  { stdout, stderr }: Pick<MainInput, 'stdout' | 'stderr'>,
): number {
  const typed = words.filter((word) => !word.startsWith('-'))
  const noun = typed[0]
  const ofNoun = noun === undefined ? commands : commands.filter(({ name }) => name.startsWith(`${noun} `))
  if (ofNoun.length > 0 && typed.length < 2) {
    if (asksForHelp || words.includes('--help')) return say(stdout, overview(ofNoun), 0)
    const option = words.find((word) => word.startsWith('-'))
    const problem = option === undefined ? '' : `${option} stands where a command is expected\n`
    return say(stderr, problem + overview(ofNoun), 2)
  }
  return say(
    stderr,
    `there is no command "${typed.slice(0, 2).join(' ')}"${meant(typed)}\nmenshen --help lists all of them\n`,
    2,
  )
}

function meant(typed: readonly string[]): string {
  const names = commands.map(({ name }) => name)
  const candidate = nearest(typed.slice(0, 2).join(' '), names) ?? nearest(typed[0] ?? '', names)
  return candidate === undefined ? '' : `; did you mean "${candidate}"?`
}

function say(output: Output, text: string, status: number): number {
  output.write(text)
  return status
}
