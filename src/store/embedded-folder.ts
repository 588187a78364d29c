import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { giveTo, type OsAccount, osAccountFor } from './postgres-account.ts'
import { type Binaries, findBinaries, systemBinaries } from './postgres-binaries.ts'
import { type Cluster, initialise } from './postgres-process.ts'
import { errorCode } from './unavailable.ts'

/** Everything needed to run and to reach the PostgreSQL of one data folder. */
export interface EmbeddedFolder {
  readonly cluster: Cluster
  readonly socketFolder: string
  readonly password: string
  readonly logFile: string
}

/** The socket's address, which systems cut at 104 or 108 bytes. */
const longestSocketBytes = 100

/** Makes what is missing. Several processes may do this at once on an empty folder; all end with the same database. */
export async function prepareFolder(dataDir: string): Promise<EmbeddedFolder> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const account = await osAccountFor(dataDir)
  const folder = join(dataDir, 'postgres')
  const binaries = await binariesFor(folder)
  const cluster = { binaries, account, folder }
  const passwordFile = join(folder, 'menshen.password')
  if ((await text(passwordFile)) === undefined) await create(cluster, dataDir)
  const password = await readFile(passwordFile, 'utf8')
  await removeLeftovers(dataDir)
  return {
    cluster,
    socketFolder: await socketFolder(dataDir, account),
    password,
    logFile: join(dataDir, 'postgres.log'),
  }
}

async function binariesFor(folder: string): Promise<Binaries> {
  const version = await text(join(folder, 'PG_VERSION'))
  const binaries = await findBinaries()
  if (version === undefined || Number(version) === binaries.major) return binaries
  const installed = await systemBinaries(Number(version))
  if (installed !== undefined) return installed
  const what = `${folder} was made by PostgreSQL ${version.trim()} and this program brings PostgreSQL ${binaries.major}`
  throw new Error(
    `${what}; install PostgreSQL ${version.trim()}, or move the data with pg_dump and psql, or set DATABASE_URL`,
  )
}

/**
 * Makes the folder beside its place and renames it, so that a data folder is complete or absent, whichever process dies
 * or is first.
 */
async function create(cluster: Cluster, dataDir: string): Promise<void> {
  const scratch = await mkdtemp(join(dataDir, '.first-'))
  const made = { ...cluster, folder: join(scratch, 'data') }
  const passwordFile = join(scratch, 'password')
  try {
    await giveTo(cluster.account, scratch)
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
    await giveTo(cluster.account, passwordFile)
    await initialise(made, passwordFile, true)
    await rename(passwordFile, join(made.folder, 'menshen.password'))
    await rename(made.folder, cluster.folder)
  } catch (error) {
    if ((await text(join(cluster.folder, 'menshen.password'))) === undefined) throw error
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/**
 * A process that was slower may still be writing to its folder: it will do without, and the next start removes what is
 * left.
 */
async function removeLeftovers(dataDir: string): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => name.startsWith('.first-'))
  await Promise.allSettled(names.map((name) => rm(join(dataDir, name), { recursive: true, force: true })))
}

async function socketFolder(dataDir: string, account: OsAccount): Promise<string> {
  const inside = join(dataDir, 'run')
  const fits = Buffer.byteLength(join(inside, '.s.PGSQL.5432')) <= longestSocketBytes
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const folder = fits ? inside : join(tmpdir(), `menshen-${hash}`)
  try {
    await mkdir(folder, { mode: 0o700 })
    await giveTo(account, folder)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  // SECURITY: in a shared temporary folder somebody else may have made ours first, to put a false server behind it.
  const status = await lstat(folder)
  const owner = account.ids.uid ?? process.getuid?.()
  if (!status.isDirectory() || status.uid !== owner || (status.mode & 0o077) !== 0) {
    throw new Error(`${folder} must be a folder that only this user may enter`)
  }
  return folder
}

function text(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}
