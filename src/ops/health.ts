import { AppError } from '../base/errors.ts'

/**
 * Resolves when the part answers. An `AppError` it throws is named to the prober: its code, and `params.reason` if
 * given.
 */
export type HealthCheck = () => Promise<void>

/**
 * What a part serves:
 * - `keys`: the keys and the metadata, which are held in memory;
 * - `tokens`: what clients ask for without a person: refresh, userinfo, introspection, revocation;
 * - `logins`: everything, logins and codes too.
 */
export type Part = 'keys' | 'tokens' | 'logins'

/** The parts, from the one that needs least to the one that needs most. */
export const parts = ['keys', 'tokens', 'logins'] as const satisfies readonly Part[]

/** Which parts can serve, with what each check says that was run. */
export interface Readiness {
  readonly parts: Readonly<Partial<Record<Part, boolean>>>
  readonly checks: Readonly<Record<string, string>>
}

/** Tells balancers whether to send requests here. */
export interface Health {
  /** Runs the checks that these parts need, side by side and bounded in time. */
  ready(asked?: readonly Part[]): Promise<Readiness>
  /** From the first call on `ready` says no, so that balancers send nothing more while requests in flight finish. */
  drain(): void
}

interface HealthDeps<Name extends string> {
  readonly checks: Readonly<Record<Name, HealthCheck>>
  /** The checks without which a part cannot serve. */
  readonly needs: Readonly<Record<Part, readonly Name[]>>
  readonly timeoutMs: number
  /** How long the answer of a check is used again, because checks write and anybody may ask. */
  readonly sharedMs?: number
  /** Called with the failure of a check; the prober does not see it, because it may name addresses and versions. */
  readonly onFailure?: (name: string, error: unknown) => void
}

/** Readiness of this process. */
export function health<Name extends string>({
  checks,
  needs,
  timeoutMs,
  sharedMs = 0,
  onFailure = () => {},
}: HealthDeps<Name>): Health {
  const answers = new Map<string, { readonly atMs: number; readonly answer: Promise<void> }>()
  const running = new Map<string, Promise<void>>()
  let draining = false

  /** A check that hangs is waited for again, not started again, or probes would pile up on a store in trouble. */
  function start(name: string, check: HealthCheck): Promise<void> {
    const before = running.get(name)
    if (before !== undefined) return before
    const last = answers.get(name)
    if (last !== undefined && performance.now() - last.atMs < sharedMs) return last.answer
    const started = Promise.resolve().then(check)
    const settled: Promise<void> = started.finally(() => {
      running.delete(name)
      answers.set(name, { atMs: performance.now(), answer: settled })
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
    async ready(asked = parts) {
      const names = [...new Set(asked.flatMap((part) => needs[part]))]
      const messages = await Promise.all(names.map(async (name) => [name, await run(name, checks[name])] as const))
      const said: Record<string, string> = Object.fromEntries(messages)
      const serves = (part: Part) => !draining && needs[part].every((name) => said[name] === 'ok')
      return {
        parts: Object.fromEntries(asked.map((part) => [part, serves(part)])),
        checks: draining ? { ...said, server: 'stopping' } : said,
      }
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
