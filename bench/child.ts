import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a process of the benchmark can be asked to do, by name. */
type Calls = Record<string, (argument: never) => unknown>

/** A process of ours that answers calls. */
export interface Child<C extends Calls> {
  readonly pid: number
  call<Name extends keyof C & string>(
    name: Name,
    ...argument: Parameters<C[Name]>
  ): Promise<Awaited<ReturnType<C[Name]>>>
  stop(): Promise<void>
}

interface Question {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

const lastLines = 4000

/** Starts a file of this folder, or one named whole, as a process; `call` rejects with what it printed when it dies. */
export function startChild<C extends Calls>(file: string, env: Readonly<Record<string, string>> = {}): Child<C> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env },
  })
  const open = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  let printed = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-lastLines)
  })
  child.on('message', ({ id, result, error }: Reply) => {
    if (error === undefined) open.get(id)?.resolve(result as never)
    else open.get(id)?.reject(new Error(`${file}: ${error}`))
    open.delete(id)
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of open.values()) reject(new Error(`${file} ended (${signal ?? code}): ${printed}`))
      open.clear()
      resolve()
    })
  })
  let questions = 0

  return {
    pid: child.pid ?? 0,
    call(name, ...[argument]) {
      return new Promise((resolve, reject) => {
        const id = questions++
        open.set(id, { resolve, reject })
        child.send({ id, name, argument } satisfies Question, (error) => error && reject(error))
      })
    },
    async stop() {
      await endWith(child, ended)
    },
  }
}

async function endWith(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(timer)
}

/** The child's end: answers what the parent asks, and ends with it after `close`. */
export function answer(calls: Calls, close: () => Promise<void> = async () => {}): void {
  process.on('message', async ({ id, name, argument }: Question) => {
    try {
      const work = calls[name]
      if (!work) throw new Error(`no call is named ${name}`)
      process.send?.({ id, result: await work(argument as never) } satisfies Reply)
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', () => {
    close().finally(() => process.exit())
  })
}
