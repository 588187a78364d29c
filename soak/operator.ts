import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Lots } from '../siege/lots.ts'
import { lodgerOf, lodgerSecret, writeSeed } from './clientele.ts'
import { buryAll } from './leaving.ts'
import type { Person } from './ledger.ts'
import type { Duty } from './plan.ts'
import type { Scene, World } from './scene.ts'

const program = fileURLToPath(new URL('../src/menshen.js', import.meta.url))
const patienceMs = 300_000
/** Done, but not every server has it yet: one that was killed is still counted for a while. */
const lateStatus = 4

/** What a command ended with. */
export interface Told {
  readonly status: number
  readonly text: string
}

/** Whoever types commands. */
export interface Operator {
  run(...argv: string[]): Promise<Told>
  /** Makes the catalog what its next edition says. */
  publish(): Promise<Told>
  /** The edition that was acknowledged last. */
  readonly edition: number
}

/** An operator in a folder, with the settings of the servers. */
export function operator(cwd: string, env: Readonly<Record<string, string>>): Operator {
  let [begun, done] = [0, 0]
  const run = (...argv: string[]): Promise<Told> =>
    new Promise((resolve) => {
      execFile(process.execPath, [program, ...argv], { cwd, env, timeout: patienceMs }, (error, stdout, stderr) => {
        const status = typeof error?.code === 'number' ? error.code : error ? -1 : 0
        resolve({ status, text: `${stdout}${stderr}`.slice(-2000) })
      })
    })
  return {
    run,
    async publish() {
      begun += 1
      const edition = begun
      const file = join(cwd, `seed-${edition}.yaml`)
      await writeSeed(file, edition)
      const told = await run('clients', 'apply', file, '--prune', '--wait=60')
      if (told.status === 0 || told.status === lateStatus) done = edition
      return told
    },
    get edition() {
      return done
    },
  }
}

interface Working extends World {
  readonly operator: Operator
  readonly people: readonly Person[]
  /** Makes a scene of an operation that nobody has planned. */
  readonly scene: (person: Person) => Scene
  readonly lots: Lots
}

/** Does one of the operator's chores, and looks whether it holds. */
export async function work(duty: Duty, working: Working): Promise<void> {
  switch (duty.chore) {
    case 'revoke':
      return revoke(duty, working)
    case 'catalog':
      return publish(working)
    case 'rotate':
      return void (await command(working, 'keys', 'rotate', '--wait=60'))
    case 'rotate_cookies':
      return void (await command(working, 'keys', 'rotate', '--cookies', '--wait=60'))
  }
}

/** Runs a command that has to end well where nothing goes wrong meanwhile. True when it did. */
async function command(working: Working, ...argv: string[]): Promise<boolean> {
  return judged(working, argv.join(' '), () => working.operator.run(...argv))
}

async function judged(
  { weather, findings, tallies }: Working,
  what: string,
  run: () => Promise<Told>,
): Promise<boolean> {
  const fromMs = Date.now()
  const { status, text } = await run()
  const isDone = status === 0 || status === lateStatus
  tallies.count(`${isDone ? 'done' : 'not done'}: ${what.replace(/usr_\w+|seed-\d+/, '…')}`)
  if (!isDone && weather.wasCalm(fromMs, Date.now())) findings.add(`menshen ${what} ended with ${status}: ${text}`)
  return isDone
}

/** Signs somebody out everywhere: everything of theirs has ended when the command has. */
async function revoke({ person: index }: Duty, working: Working): Promise<void> {
  const person = working.people[index]
  if (person?.userId === undefined) return
  while (person.isBusy) await delay(20)
  person.isBusy = true
  try {
    const scene = working.scene(person)
    const isDone = await command(working, 'users', 'revoke', person.userId)
    if (isDone) {
      person.visit = undefined
      await buryAll(scene, person.stays.slice(), 'an operator signed them out everywhere')
      return
    }
    for (const stay of person.stays) stay.fate = 'doubtful'
    if (person.visit) person.visit.fate = 'doubtful'
  } finally {
    person.isBusy = false
  }
}

/** Another edition of the catalog: a client comes, the one of the edition before goes. */
async function publish(working: Working): Promise<void> {
  const { operator: who, weather, findings, fleet, lots } = working
  const fromMs = Date.now()
  const before = who.edition
  let status = -1
  const isDone = await judged(working, 'clients apply', async () => {
    const told = await who.publish()
    status = told.status
    return told
  })
  if (!isDone || status === lateStatus) return
  for (const [edition, expected] of [
    [who.edition, 200],
    [before, 401],
  ] as const) {
    const basic = Buffer.from(`${lodgerOf(edition)}:${lodgerSecret}`).toString('base64')
    const ask = {
      path: '/token',
      form: { grant_type: 'client_credentials' },
      headers: { authorization: `Basic ${basic}` },
    }
    const answer = await fleet.ask(ask, lots.share()).catch(() => undefined)
    if (!answer || answer.status >= 500 || answer.status === 429 || !weather.wasCalm(fromMs, Date.now())) return
    if (answer.status !== expected) {
      findings.add(`${lodgerOf(edition)} was answered ${answer.status}, not ${expected}, after the catalog changed`)
    }
  }
}
