import { AppError } from '../base/errors.ts'

/**
 * Resolves when the part answers. An `AppError` it throws is named to the prober: its code, and `params.reason` if
 * given.
 */
export type HealthCheck = () => Promise<void>

/** Whether the server can serve, with what each check says. */
export interface Readiness {
  readonly ok: boolean
  readonly checks: Readonly<Record<string, string>>
}

/** Tells balancers whether to send requests here. */
export interface Health {
  /** Runs every check, side by side and bounded in time. */
  ready(): Promise<Readiness>
  /** From the first call on `ready` says no, so that balancers send nothing more while requests in flight finish. */
  drain(): void
}

interface HealthDeps {
  readonly checks: Readonly<Record<string, HealthCheck>>
  readonly timeoutMs: number
  /** How long the answer of a check is used again, because checks write and anybody may ask. */
  readonly sharedMs?: number
  /** Called with the failure of a check; the prober does not see it, because it may name addresses and versions. */
  readonly onFailure?: (name: string, error: unknown) => void
}

/** Readiness of this process. */
export function health({ checks, timeoutMs, sharedMs = 0, onFailure = () => {} }: HealthDeps): Health {
  const said = new Map<string, { readonly atMs: number; readonly answer: Promise<void> }>()
  const running = new Map<string, Promise<void>>()
  let draining = false

  /** A check that hangs is waited for again, not started again, or probes would pile up on a store in trouble. */
  function start(name: string, check: HealthCheck): Promise<void> {
    const before = running.get(name)
    if (before !== undefined) return before
    const last = said.get(name)
    if (last !== undefined && performance.now() - last.atMs < sharedMs) return last.answer
    const started = Promise.resolve().then(check)
    const settled: Promise<void> = started.finally(() => {
      running.delete(name)
      said.set(name, { atMs: performance.now(), answer: settled })
    })
    running.set(name, settled)
    return settled
  }

  async function run(name: string, check: HealthCheck): Promise<string> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, `no answer within ${timeoutMs} ms`)
    })
    const answer = start(name, check).then(
      () => 'ok',
      (error: unknown) => {
        onFailure(name, error)
        return reason(error)
      },
    )
    const message = await Promise.race([answer, late])
    clearTimeout(timer)
    return message
  }

  return {
    async ready() {
      const names = Object.entries(checks)
      const messages = await Promise.all(names.map(async ([name, check]) => [name, await run(name, check)] as const))
      const all = draining ? [...messages, ['server', 'stopping'] as const] : messages
      return { ok: all.every(([, message]) => message === 'ok'), checks: Object.fromEntries(all) }
    },
    drain() {
      draining = true
    },
  }
}

function reason(error: unknown): string {
  if (!(error instanceof AppError)) return 'failed'
  return String(error.params['reason'] ?? error.code)
}
