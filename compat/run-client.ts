import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import type { CompatClient, SeedName, ShownStep } from './clients.ts'
import { CompatPerson } from './person.ts'
import type { NotRun, Outcome } from './results.ts'
import { clientIdOf, idTokenAlg, scopeOf, seedsOf } from './seeds.ts'
import { type CompatServer, isFree, secret, untilAnswered } from './server.ts'

/** Where the programs are started. */
export const folder = fileURLToPath(new URL('.', import.meta.url))
/** What `install.sh` brings stands before what the machine has. */
const path = [join(folder, '.venv/bin'), join(folder, '.bin'), dirname(process.execPath), process.env['PATH']]
/** `PATH` of the programs. */
export const pathEnv = path.join(delimiter)
let people = 0

/** Runs a client with each of its seeds: as it comes, and with its setting where that fails. */
export async function runClient(
  client: CompatClient,
  server: CompatServer,
  browser: Browser,
): Promise<Partial<Record<SeedName, Outcome>> | NotRun> {
  const missing = lacking(client)
  if (missing !== undefined) return { notRun: missing }
  const result: Partial<Record<SeedName, Outcome>> = {}
  for (const seed of seedsOf(client)) {
    const asItComes = await tryOnce(client, seed, false, server, browser)
    const isOver = asItComes === 'works' || client.setting === undefined
    const withSetting = isOver ? asItComes : await tryOnce(client, seed, true, server, browser)
    result[seed] = isOver ? asItComes : withSetting === 'works' ? 'setting' : withSetting
  }
  return result
}

/** What this machine lacks of what a program needs. */
export function lacking(program: Pick<CompatClient, 'command' | 'needs' | 'brought'>): string | undefined {
  const wanted = [program.command[0], ...(program.needs ?? [])]
  const absent = wanted.find((each) => spawnSync('which', [each], { env: { PATH: pathEnv } }).status !== 0)
  if (absent !== undefined) return `${absent} is not on this machine`
  const brought = program.brought ?? (program.command[0] === 'node' ? 'node_modules' : '.')
  return existsSync(join(folder, brought)) ? undefined : `compat/install.sh did not bring ${brought}`
}

async function tryOnce(
  client: CompatClient,
  seed: SeedName,
  isSet: boolean,
  server: CompatServer,
  browser: Browser,
): Promise<'works' | `fails: ${string}`> {
  const origin = client.kind === 'native' ? server.origin.replace('localhost', '127.0.0.1') : server.origin
  const env = {
    PATH: pathEnv,
    HOME: process.env['HOME'] ?? folder,
    ISSUER: server.issuer,
    ORIGIN: origin,
    PORT: new URL(origin).port,
    UPSTREAM: String(server.upstreamPort),
    CLIENT_ID: clientIdOf(client, seed),
    CLIENT_SECRET: secret,
    SCOPE: scopeOf(seed),
    ID_TOKEN_ALG: idTokenAlg[seed],
    SETTING: isSet ? '1' : '',
    NODE_NO_WARNINGS: '1',
  }
  const program = startProgram(client.command, env)
  const context = await browser.newContext({ locale: 'zh-CN' })
  try {
    await untilAnswered(`${origin}/favicon.ico`, program.child)
    const person = new CompatPerson(await context.newPage(), server, `139${String(10_000_000 + people++)}`)
    const places = { issuer: server.issuer, origin, clientId: env.CLIENT_ID }
    const logout = client.logout?.(places)
    for (const step of [...client.steps, ...(logout === undefined ? [] : [logout])]) {
      const { path, shows } = shownBy(step)
      const text = await person.opens(`${origin}${path}`)
      logIfWanted(`${path}: ${text}\n`)
      if (!shows.test(text)) return fails(`${path.replace(/\?.*/, '')}: ${text}`)
    }
    if ((await person.isSignedIn()) !== (logout === undefined)) {
      return fails(`${logout ? 'logout' : 'login'}: the session at the server ${logout ? 'lives on' : 'is gone'}`)
    }
    return 'works'
  } catch (error) {
    return fails(`${error instanceof Error ? error.message : error}`)
  } finally {
    await context.close()
    await program.end()
  }
}

function shownBy(step: string | ShownStep): ShownStep {
  if (typeof step !== 'string') return step
  return { path: step, shows: step === '/' ? /^ok usr_/ : /^ok/ }
}

/** A program that runs, with all that it started. */
export interface RunningProgram {
  readonly child: ChildProcess
  /** Ends all of it, and waits until its port is free for the next one. */
  end(): Promise<void>
}

/** Starts a program that listens at `PORT` of its environment. */
export function startProgram(command: readonly [string, ...string[]], env: ProgramEnv): RunningProgram {
  const [program, ...words] = command
  const child = spawn(program, words, { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part))
  return {
    child,
    async end() {
      logIfWanted(output)
      await end(child, Number(env.PORT))
    },
  }
}

type ProgramEnv = Readonly<Record<string, string>> & { readonly PORT: string }

/** `COMPAT_LOG=1 npm run compat -- gitea` shows what the pages and the program said. */
function logIfWanted(text: string): void {
  if (process.env['COMPAT_LOG'] === '1') process.stderr.write(text)
}

/** A reason of one line, short enough for a table. */
export function fails(reason: string): `fails: ${string}` {
  const [sentence = ''] = reason.split(/\n(?:Call log)?/)
  const line = sentence.replaceAll(/localhost:\d+/g, 'localhost').replaceAll(/\s+/g, ' ')
  return `fails: ${line.slice(0, 200)}`
}

async function end(child: ChildProcess, port: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  process.kill(-child.pid, 'SIGTERM')
  const late = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 5000)
  await ended
  clearTimeout(late)
  while (!(await isFree(port))) await delay(100)
}
