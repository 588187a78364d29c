import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { main } from '../../src/cli/commands.ts'
import { createDatabase, createEmptyDatabase, type TestDatabase } from './database.ts'

export interface Result {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** A folder and a database, and `menshen` as an operator would type it there. */
export interface Shell {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly database: TestDatabase
  write(file: string, text: string): Promise<void>
  run(...argv: string[]): Promise<Result>
  runWith(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<Result>
  close(): Promise<void>
}

/** The master key of every test: its value does not matter. */
export const secretKey = Buffer.alloc(32, 7).toString('base64url')

export async function openShell({ empty = false } = {}): Promise<Shell> {
  const database = empty ? await createEmptyDatabase() : await createDatabase()
  const cwd = await mkdtemp(join(tmpdir(), 'menshen-shell-'))
  const env = {
    DATABASE_URL: database.url,
    MENSHEN_SECRET_KEY: secretKey,
    MENSHEN_DATA_DIR: join(cwd, 'data'),
    SUDO_USER: 'alice',
  }
  const runWith = (more: Readonly<Record<string, string>>, ...argv: string[]) =>
    runCommand(argv, { env: { ...env, ...more }, cwd })
  return {
    cwd,
    env,
    database,
    write: (file, text) => writeFile(join(cwd, file), text),
    run: (...argv) => runWith({}, ...argv),
    runWith,
    async close() {
      await database.drop()
      await rm(cwd, { recursive: true, force: true })
    },
  }
}

interface Place {
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** What is typed into it. */
  readonly stdin?: string
}

/** Runs a command in this process with its streams caught. */
export async function runCommand(argv: readonly string[], { env, cwd, stdin }: Place): Promise<Result> {
  const caught = { stdout: '', stderr: '' }
  const into = (name: keyof typeof caught) => ({ write: (text: string) => (caught[name] += text) })
  const status = await main({
    argv,
    env,
    cwd,
    ...(stdin === undefined ? {} : { stdin: Readable.from([stdin]) }),
    stdout: into('stdout'),
    stderr: into('stderr'),
  })
  return { status, ...caught }
}

/** Runs a command in a process of its own. */
export function runChild(argv: readonly string[], { env, cwd }: Place): Promise<Result> {
  const program = fileURLToPath(new URL('../../src/menshen.js', import.meta.url))
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...argv], { cwd, env }, (error, stdout, stderr) =>
      resolve({ status: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr }),
    )
  })
}
