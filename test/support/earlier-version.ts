import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
/** What was unpacked stays from one run to the next. Node runs no TypeScript below a folder node_modules. */
const cache = join(homedir(), '.cache', 'menshen-versions')

/**
 * The newest version before this one that git has a tag for; undefined where it knows none: nothing was released yet, or
 * the clone is a shallow one, which has neither the history nor mostly the tags.
 */
export async function earlierTag(checkout = root): Promise<string | undefined> {
  const said = await run('git', ['describe', '--tags', '--abbrev=0', 'HEAD^'], { cwd: checkout }).catch(() => undefined)
  return said?.stdout.trim() || undefined
}

/** The folder with the files of that version and the packages it needs. */
export async function unpackTag(tag: string): Promise<string> {
  const { stdout: commit } = await run('git', ['rev-parse', `${tag}^{commit}`], { cwd: root })
  const folder = join(cache, commit.trim())
  if (existsSync(folder)) return folder
  const unpacked = `${folder}.${process.pid}`
  await rm(unpacked, { recursive: true, force: true })
  await mkdir(unpacked, { recursive: true })
  await run('sh', ['-c', 'git archive "$0" | tar -x -C "$1"', tag, unpacked], { cwd: root })
  if (await hasSamePackages(unpacked)) await symlink(join(root, 'node_modules'), join(unpacked, 'node_modules'))
  else await run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit'], { cwd: unpacked, maxBuffer: 1 << 26 })
  await rename(unpacked, folder)
  return folder
}

async function hasSamePackages(folder: string): Promise<boolean> {
  const [theirs, ours] = await Promise.all([folder, root].map((each) => readFile(join(each, 'package.json'), 'utf8')))
  const of = (text = '{}') => JSON.stringify((JSON.parse(text) as { dependencies?: object }).dependencies)
  return of(theirs) === of(ours)
}
