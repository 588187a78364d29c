import { execFile } from 'node:child_process'
import { chown, readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How to run PostgreSQL's programs so that they do not meet root, which they refuse. */
export interface OsAccount {
  /** The program and arguments to spawn instead. */
  command(program: string, args: readonly string[]): readonly [string, readonly string[]]
  readonly ids: { readonly uid?: number; readonly gid?: number }
}

/** SECURITY: a fixed environment, so that the database's process does not carry our master key in its own. */
export const postgresEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }

const asOurselves: OsAccount = { command: (program, args) => [program, args], ids: {} }

/**
 * The account for a data folder, which must exist. Root gets a user namespace in which root's own files belong to
 * somebody else; where that is not permitted the folder is given to an unprivileged user.
 */
export async function osAccountFor(folder: string): Promise<OsAccount> {
  if (process.getuid?.() !== 0) return asOurselves
  const owner = await stat(folder)
  if (owner.uid !== 0) return asUser(owner.uid, owner.gid)
  const candidates = await unprivilegedUsers()
  const first = candidates[0]
  if (first === undefined)
    throw new Error('PostgreSQL refuses to run as root and there is no other user; set DATABASE_URL')
  const map = ['--user', `--map-user=${first.uid}`, `--map-group=${first.gid}`, '--']
  try {
    await run('unshare', [...map, 'true'], { env: postgresEnvironment })
    return { command: (program, args) => ['unshare', [...map, program, ...args]], ids: {} }
  } catch {
    await chown(folder, first.uid, first.gid)
    return asUser(first.uid, first.gid)
  }
}

/** Gives a file that root made for the server to the account it runs under. */
export async function giveTo(account: OsAccount, path: string): Promise<void> {
  const { uid, gid } = account.ids
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
}

function asUser(uid: number, gid: number): OsAccount {
  return { ...asOurselves, ids: { uid, gid } }
}

async function unprivilegedUsers(): Promise<readonly { uid: number; gid: number }[]> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const rank = (name: string | undefined) => ['postgres', 'nobody'].indexOf(name ?? '') + 1 || 3
  return lines
    .filter((fields) => Number(fields[2]) > 0)
    .sort((a, b) => rank(a[0]) - rank(b[0]))
    .map((fields) => ({ uid: Number(fields[2]), gid: Number(fields[3]) }))
}
