import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { eventually } from '../support/patience.ts'
import { guarded } from '../support/run.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Processes that name a folder in their command line, and those of these ids. */
async function processesOf(folder: string, ids: readonly number[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,stat=,args='])
  return stdout.split('\n').filter((line) => {
    const [id = '', state = ''] = line.trim().split(/\s+/)
    return !state.startsWith('Z') && (ids.includes(Number(id)) || line.includes(folder))
  })
}

/** A run of vitest in the middle of a test that has begun everything a test may begin. */
async function hangingRun() {
  const { PATH = '', HOME = '', TMPDIR = '' } = process.env
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/support/hanging.config.ts']
  const child = guarded(spawn(process.execPath, vitest, { cwd: root, detached: true, env: { PATH, HOME, TMPDIR } }))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const [, folder = '', ids = ''] = await eventually(() => {
    const found = /hanging in (\S+) with ([\d ]+)/.exec(said)
    if (!found) throw new Error(`the run does not hang yet:\n${said}`)
    return found
  })
  return { child, folder, ids: ids.trim().split(' ').map(Number), ended }
}

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  'a run that ends by %s leaves no process and no folder',
  async (signal) => {
    const { child, folder, ids, ended } = await hangingRun()
    const marks = await readdir(join(folder, 'processes'))
    const all = [...ids, ...marks.map((name) => Number(name.split('-')[1]))]
    // The server, its PostgreSQL, that of the test process, both services, a Redis and a browser.
    expect((await processesOf(folder, all)).length).toBeGreaterThan(7)
    child.kill(signal)
    await ended
    await eventually(async () => {
      expect(existsSync(folder)).toBe(false)
      expect(await processesOf(folder, all)).toEqual([])
    })
  },
)
