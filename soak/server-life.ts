import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../src/menshen.js', import.meta.url))
const keptLines = 4000
const nearMs = 3000
const startPatienceMs = 180_000
/** Lines of one process may be told in another order than they were made in, by so much. */
const disorderMs = 1000

/** A line of the log that a checker looks at. */
export interface LogLine {
  readonly time?: string
  readonly level?: string
  readonly msg?: string
  readonly status?: number
  readonly route?: string
  readonly audit?: { readonly event?: string; readonly user_id?: string }
}

/** What a server wrote that it should not have. */
export type Complaint = (finding: string) => void

interface LifeOptions {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly complain: Complaint
}

/** A server process, from its start to its end. */
export class ServerLife {
  readonly name: string
  readonly port: number
  readonly begunMs = Date.now()
  /** Resident memory in MiB, by the minute. */
  readonly memory: { readonly minute: number; readonly mib: number }[] = []
  /** Audit events that went to the log, because there was no database, by user. */
  readonly unstored: LogLine[] = []
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #complain: Complaint
  readonly #ended: Promise<void>
  #isReady = false
  #cpuSeconds = 0
  #isOver = false
  #isAsked = false
  #lastMs = 0

  constructor({ name, env, cwd, complain }: LifeOptions) {
    this.name = name
    this.port = Number(env['PORT'])
    this.#complain = complain
    this.#child = spawn(process.execPath, [program, 'serve'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let rest = ''
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#hear(line)
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text.trimEnd()))
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        this.#isOver = true
        resolve()
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** It has ended although nobody told it to. */
  get endedByItself(): boolean {
    return this.#isOver && !this.#isAsked
  }

  /** Throws with the log when it does not say so in time, or ends. */
  async untilReady(): Promise<void> {
    const giveUpMs = Date.now() + startPatienceMs
    while (!this.#isReady) {
      if (this.#isOver || Date.now() > giveUpMs) {
        throw new Error(`${this.name} did not become ready:\n${this.#lines.slice(-40).join('\n')}`)
      }
      await delay(50)
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#isAsked = true
    this.#child.kill(signal)
    await this.#ended
  }

  /** The last lines of its log that tell of something within a few seconds before a moment, probes left out. */
  linesBefore(atMs: number, count: number): readonly string[] {
    const near = this.#lines.filter((line) => Math.abs(timeOf(line) - atMs) < nearMs && !line.includes('"readyz'))
    return near.slice(-count)
  }

  /** CPU time of the process and of those that hash for it that have ended, while it runs; then what was known last. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, 'utf8').catch(() => '')
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    if (stat !== '' && !this.#isOver) this.#cpuSeconds = fields.slice(11, 15).reduce((sum, each) => sum + each, 0) / 100
    return this.#cpuSeconds
  }

  async sampleMemory(minute: number): Promise<void> {
    await this.cpuSeconds()
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8').catch(() => '')
    const kib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    if (kib > 0) this.memory.push({ minute, mib: Math.round(kib / 1024) })
  }

  #keep(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > 2 * keptLines) this.#lines.splice(0, keptLines)
  }

  #hear(line: string): void {
    this.#keep(line)
    if (line.includes(' is ready at ')) this.#isReady = true
    if (!line.startsWith('{')) return
    let said: LogLine
    try {
      said = JSON.parse(line) as LogLine
    } catch {
      return
    }
    const atMs = Date.parse(said.time ?? '')
    if (atMs < this.#lastMs - disorderMs) this.#complain(`${this.name}: the time in the log goes back: ${line}`)
    if (atMs > this.#lastMs) this.#lastMs = atMs
    if (said.status === 500) this.#complain(`${this.name} answered 500: ${line}`)
    if (said.level === 'fatal') this.#complain(`${this.name}: ${line}`)
    if (said.msg === 'audit event not stored') this.unstored.push(said)
  }
}

function timeOf(line: string): number {
  return Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '')
}
