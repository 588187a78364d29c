import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What one call of vitest makes: a folder that holds everything temporary, and that is gone, with every process, however the run ends. */
export interface Run {
  readonly folder: string
  end(): Promise<void>
}

interface Shared {
  users: number
  readonly run: Promise<Run>
}

/** What the projects of one run share. Vitest loads this file anew for each of them, so it cannot be a variable of the module. */
const shared = globalThis as { menshenRun?: Shared; isMenshenWorker?: boolean }

/** The run of this process, opened by whoever asks first and ended by who leaves last. */
export async function enterRun(): Promise<Run> {
  shared.menshenRun ??= { users: 0, run: openRun() }
  const current = shared.menshenRun
  current.users++
  const { folder, end } = await current.run
  return {
    folder,
    async end() {
      current.users--
      if (current.users > 0) return
      delete shared.menshenRun
      await end()
    },
  }
}

/** For projects that need a run and no service. */
export default async function setup(): Promise<() => Promise<void>> {
  return (await enterRun()).end
}

async function openRun(): Promise<Run> {
  const outside = tmpdir()
  const folder = await mkdtemp(join(outside, 'menshen-test-'))
  // PostgreSQL and the image run as somebody else where the tests run as root, and need a way to their own folders.
  await chmod(folder, 0o755)
  await mkdir(join(folder, 'processes'))
  await mkdir(join(folder, 't'))
  await chmod(join(folder, 't'), 0o1777)
  const end = startGuard(folder)
  // The test processes begin after this and inherit both: whatever they put into the temporary folder is in ours.
  process.env['TEST_RUN_FOLDER'] = folder
  process.env['TMPDIR'] = join(folder, 't')
  return {
    folder,
    async end() {
      delete process.env['TEST_RUN_FOLDER']
      process.env['TMPDIR'] = outside
      await end()
    },
  }
}

/**
 * Starts a shell that waits for our end of a pipe to close, which happens however we end. It then ends the test processes, so that
 * they begin nothing more, then what they began, then the services and every PostgreSQL whose data lie in the folder, and
 * removes the folder.
 */
function startGuard(folder: string): () => Promise<void> {
  const script = `
    cat > /dev/null
    cd "$0" || exit
    each() { for mark in processes/"$1"-*; do [ -e "$mark" ] && echo "\${mark##*-}"; done; }
    gone() { tries=0; while kill -s 0 -- "$1" 2>/dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done; }
    for pid in $(each worker); do kill -s KILL "$pid" 2>/dev/null; done
    groups=$(each group)
    for pid in $groups; do kill -s TERM -- "-$pid" 2>/dev/null; done
    for pid in $groups; do gone "-$pid"; kill -s KILL -- "-$pid" 2>/dev/null; done
    services=$(each service; find . -name postmaster.pid -exec head -n 1 {} \\;)
    for pid in $services; do kill -s QUIT "$pid" 2>/dev/null; done
    for pid in $services; do gone "$pid"; kill -s KILL "$pid" 2>/dev/null; done
    cd / && tries=0
    while ! rm -rf "$0" 2>/dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done`
  const shell = spawn('sh', ['-c', script, folder], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = new Promise<void>((resolve) => shell.on('exit', () => resolve()))
  return () => {
    shell.stdin.end()
    return ended
  }
}

/**
 * Has a process ended with the run at the latest: a group with all that its leader began (it is `detached`), or a service, which
 * outlives the groups that use it.
 */
export function guarded<Child extends ChildProcess>(child: Child, kind: 'group' | 'service' = 'group'): Child {
  const unmark = mark(kind, child.pid)
  child.once('exit', unmark)
  return child
}

/** Has this test process ended with the run at the latest. Each of the files that it runs asks for that. */
export function guardThisProcess(): void {
  if (shared.isMenshenWorker) return
  shared.isMenshenWorker = true
  process.once('exit', mark('worker', process.pid))
}

/** Writes down a process for the guard; what is answered crosses it out, because another process may get its number. */
function mark(kind: 'group' | 'service' | 'worker', pid: number | undefined): () => void {
  const folder = process.env['TEST_RUN_FOLDER']
  if (folder === undefined || pid === undefined) return () => {}
  const file = join(folder, 'processes', `${kind}-${pid}`)
  writeFileSync(file, '')
  return () => rmSync(file, { force: true })
}
