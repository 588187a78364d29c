import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Usage, usageOf } from './process-tree.ts'

/** A server that runs as a program of its own, with what is below it. */
export interface Program {
  readonly pid: number
  /** From the start of the process until it said that it is ready. */
  readonly readySeconds: number
  usage(): Usage
  stop(): Promise<void>
}

export interface ProgramInput {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Where it runs, and where its lines are kept. */
  readonly folder: string
  /** Answers 200 as soon as the program serves. */
  readonly readyUrl: string
  readonly patienceSeconds?: number
}

/** Starts a program and resolves when it is ready; throws with its last lines when it ends before, or takes too long. */
export async function startProgram(input: ProgramInput): Promise<Program> {
  const { command, args, env, folder, readyUrl, patienceSeconds = 180 } = input
  const startedMs = performance.now()
  const logFile = join(folder, `program-${Math.round(performance.timeOrigin + startedMs)}.log`)
  const log = openSync(logFile, 'w')
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  })
  closeSync(log)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  const pid = child.pid ?? 0
  async function stop(): Promise<void> {
    child.kill('SIGTERM')
    await Promise.race([ended, delay(15_000, undefined, { ref: false })])
    child.kill('SIGKILL')
    await ended
  }
  for (;;) {
    const isReady = await fetch(readyUrl).then(
      ({ ok }) => ok,
      () => false,
    )
    const readySeconds = (performance.now() - startedMs) / 1000
    if (isReady) return { pid, readySeconds, usage: () => usageOf(pid), stop }
    if (isOver || readySeconds > patienceSeconds) {
      await stop()
      const printed = await readFile(logFile, 'utf8')
      throw new Error(`${command} did not become ready: ${printed.slice(-2000)}`)
    }
    await delay(5)
  }
}
