import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import type { CompatClient, SeedName } from './clients.ts'
import { CompatPerson } from './person.ts'
import type { ClientResult, Outcome } from './results.ts'
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
export async function runClient(client: CompatClient, server: CompatServer, browser: Browser): Promise<ClientResult> {
  const missing = lacking(client)
  if (missing !== undefined) return { notRun: `${missing} is not on this machine` }
  const result: Partial<Record<SeedName, Outcome>> = {}
  for (const seed of seedsOf(client)) {
    const asItComes = await tryOnce(client, seed, false, server, browser)
    const isOver = asItComes === 'works' || client.setting === undefined
    const withSetting = isOver ? asItComes : await tryOnce(client, seed, true, server, browser)
    result[seed] = isOver ? asItComes : withSetting === 'works' ? 'setting' : withSetting
  }
  return result
}

/** The program that this client needs and nobody has installed. */
export function lacking({ command: [program], needs }: Pick<CompatClient, 'command' | 'needs'>): string | undefined {
  const wanted = [program, ...(needs ?? [])]
  const absent = wanted.find((each) => spawnSync('which', [each], { env: { PATH: pathEnv } }).status !== 0)
  if (absent !== undefined || program !== 'node') return absent
  return existsSync(join(folder, 'node_modules')) ? undefined : 'what compat/install.sh brings'
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
  const [program, ...words] = client.command
  const child = spawn(program, words, { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part))
  const context = await browser.newContext({ locale: 'zh-CN' })
  try {
    await untilAnswered(`${origin}/favicon.ico`, child)
    const person = new CompatPerson(await context.newPage(), server, `139${String(10_000_000 + people++)}`)
    for (const step of client.steps) {
      const text = await person.opens(`${origin}${step}`)
      const expected = step === '/' ? /^ok usr_/ : /^ok/
      if (!expected.test(text)) return fails(`${step}: ${text}`)
    }
    return 'works'
  } catch (error) {
    return fails(`${error instanceof Error ? error.message : error}`)
  } finally {
    if (process.env['COMPAT_LOG'] === '1') process.stderr.write(output)
    await context.close()
    await end(child, origin)
  }
}

/** A reason of one line, short enough for a table. */
export function fails(reason: string): `fails: ${string}` {
  const [sentence = ''] = reason.split(/\n(?:Call log)?/)
  const line = sentence.replaceAll(/localhost:\d+/g, 'localhost').replaceAll(/\s+/g, ' ')
  return `fails: ${line.slice(0, 200)}`
}

/** Ends a program with all that it started, and waits until its port is free for the next one. */
async function end(child: ChildProcess, origin: string): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  process.kill(-child.pid, 'SIGTERM')
  const late = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 5000)
  await ended
  clearTimeout(late)
  while (!(await isFree(Number(new URL(origin).port)))) await delay(100)
}
