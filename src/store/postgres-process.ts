import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type OsAccount, postgresEnvironment } from './postgres-account.ts'
import type { Binaries } from './postgres-binaries.ts'

const run = promisify(execFile)

/** What it takes to run one data folder. */
export interface Cluster {
  readonly binaries: Binaries
  readonly account: OsAccount
  readonly folder: string
}

/** Makes a data folder whose superuser is `menshen`, with the password in the file. */
export async function initialise(
  { binaries, account, folder }: Cluster,
  passwordFile: string,
  sync: boolean,
): Promise<void> {
  const args = ['-D', folder, '-U', 'menshen', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8']
  const [file, argv] = account.command(join(binaries.folder, 'initdb'), [
    ...args,
    '--locale=C',
    '--no-instructions',
    ...(sync ? [] : ['--no-sync']),
  ])
  await run(file, argv, { env: postgresEnvironment, ...account.ids })
}

/**
 * Starts the server in a session of its own: a Ctrl-C at our terminal does not reach it before we are done with it, and
 * it goes on when we are killed. Does not wait until it answers.
 */
export async function launch(
  { binaries, account, folder }: Cluster,
  settings: Readonly<Record<string, string | number>>,
  logFile: string,
): Promise<ChildProcess> {
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [file, argv] = account.command(join(binaries.folder, 'postgres'), ['-D', folder, ...options])
  const log = await open(logFile, 'a', 0o600)
  try {
    const child = spawn(file, argv, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: postgresEnvironment,
      ...account.ids,
    })
    child.on('error', () => {})
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

/** The process id a data folder's server has written down, whether or not it is alive. */
export async function writtenPid(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(text.split('\n')[0])
  return pid > 0 ? pid : undefined
}
