import type { Guard } from '../abuse/abuse-guard.ts'
import { breachedRanges } from '../accounts/breached-ranges.ts'
import { type Hasher, hasher } from '../accounts/hashing.ts'
import type { PasswordLimit } from '../accounts/password-tries.ts'
import { passwords as buildPasswords, type Passwords } from '../accounts/passwords.ts'
import type { AfterAnswer } from '../base/after-answer.ts'
import type { Metrics } from '../ops/metrics.ts'
import { keyedStore } from '../store/keyed-store.ts'
import type { Core } from './core.ts'

interface Dependencies {
  readonly guard: Guard<PasswordLimit>
  readonly metrics: Metrics
  readonly background: AfterAnswer
}

/** Passwords, and what counts and hashes them. */
export function buildPasswordParts(
  core: Core,
  { guard, metrics, background }: Dependencies,
): { readonly hashing: Hasher; readonly passwords: Passwords } {
  const { config, clock, database, store, sealer, directory, log } = core
  const { argon2, workers, max_queue: maxQueue, former_secrets: secrets } = config.password
  const hashing = hasher({
    parameters: argon2,
    workers,
    maxQueue,
    secretOf: (name) => secrets[name]?.reveal(),
    onFallback: (from, to, err) =>
      log.warn({ err, from, to }, 'a binary of argon2 does not work here: go on with another'),
  })
  const locks = keyedStore(store, (key) => `password:${sealer.mac('password_lock', key)}`)
  const policy = config.password
  const common = { database, directory, clock, tell: core.queueOwnerMessage }
  const isLeaked = breachedRanges({
    options: policy.breached,
    allowInsecure: config.sandbox,
    onOutcome(outcome, err) {
      metrics.leakedPasswords.inc({ outcome })
      if (err !== undefined) log.warn({ err }, 'nobody could say whether leaks hold a password: it was accepted')
    },
  })
  const later: AfterAnswer['do'] = (job) => background.do(job)
  const passwords = buildPasswords({ ...common, hasher: hashing, store: locks, guard, policy, isLeaked, later })
  return { hashing, passwords }
}
