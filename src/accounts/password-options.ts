import { statSync } from 'node:fs'
import { z } from 'zod'
import { duration } from '../base/duration.ts'
import { secret } from '../base/secret.ts'

// Equally strong by OWASP's reckoning; anything at least as large as one of these in both costs is accepted.
// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html, read 2026-11-20
const weakest = [
  { memory_kib: 47_104, time_cost: 1 },
  { memory_kib: 19_456, time_cost: 2 },
  { memory_kib: 12_288, time_cost: 3 },
  { memory_kib: 9_216, time_cost: 4 },
  { memory_kib: 7_168, time_cost: 5 },
] as const

const argon2 = z
  .strictObject({
    memory_kib: z.int().min(7168).max(1_048_576).default(19_456).describe('Memory of one hash in KiB.'),
    time_cost: z.int().min(1).max(64).default(2).describe('Passes over the memory.'),
    parallelism: z.int().min(1).max(16).default(1).describe('Lanes of one hash.'),
  })
  .refine(
    ({ memory_kib, time_cost }) =>
      weakest.some((least) => memory_kib >= least.memory_kib && time_cost >= least.time_cost),
    'weaker than argon2id with memory_kib 19456 and time_cost 2',
  )

const lock = z
  .strictObject({
    tries: z.int().min(1).max(20).default(5).describe('Wrong tries before the first lock.'),
    first: duration.prefault('30s').describe('Length of the first lock; every further wrong try doubles it.'),
    longest: duration.prefault('15m').describe('No lock is longer.'),
    forget_after: duration.prefault('24h').describe('When wrong tries are forgotten.'),
    in_a_row: z
      .int()
      .min(10)
      .max(100)
      .default(100)
      .describe(
        'Wrong tries within 30 days, without a right one, after which no password is accepted from a device that ' +
          'is new to the account.',
      ),
    per_ip: z
      .array(
        z.strictObject({
          max: z.int().min(1).describe('How many are allowed.'),
          seconds: z.int().min(1).max(86_400).describe('Length of the rolling window.'),
        }),
      )
      .default([
        { max: 15, seconds: 60 },
        { max: 150, seconds: 3600 },
      ])
      .describe(
        'Wrong passwords, and tries while a name is locked, from one address (IPv6: one /64); `limits.networks` ' +
          'says how many from wider networks. After that only those who solve a challenge may try, 30 wrong ones an hour.',
      ),
  })
  .refine(({ first, longest }) => first >= 1 && first <= longest && longest <= 3600, {
    message: 'must be 1s ≤ first ≤ longest ≤ 1h',
    path: ['longest'],
  })
  .refine(({ longest, forget_after }) => forget_after >= longest && forget_after <= 2_592_000, {
    message: 'must be between longest and 30d',
    path: ['forget_after'],
  })

const breached = z
  .strictObject({
    mode: z
      .enum(['off', 'top', 'directory', 'api'])
      .default('top')
      .describe(
        'Which leaked passwords are refused: none; the 100 000 most used ones, which are part of the program; or besides ' +
          'the whole set of Have I Been Pwned, from files (`directory`) or from a service (`api`), which is sent the ' +
          'first 20 bits of a SHA-1.',
      ),
    directory: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder with one file for each of the 1 048 576 ranges, plain or gzip, as haveibeenpwned-downloader writes it ' +
          'with `-s false`.',
      ),
    url: z.url().default('https://api.pwnedpasswords.com').describe('Where the service is, or a copy of it.'),
    timeout: duration.prefault('2s').describe('How long an answer of the service is waited for.'),
  })
  .refine(({ mode, directory }) => mode !== 'directory' || (directory !== undefined && isFolder(directory)), {
    message: 'mode directory needs a folder that is there',
    path: ['directory'],
  })

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** Settings of passwords: what is accepted, how it is hashed, what guessing costs. */
export const passwordOptions = z.strictObject({
  min_length: z
    .int()
    .min(8)
    .max(64)
    .default(8)
    .describe('Fewest characters of a password; there are no other rules of form.'),
  blocked_words: z
    .array(z.string().min(3))
    .default(['menshen'])
    .describe('Names of the product and its maker, which a password must not be made of.'),
  breached: breached
    .prefault({})
    .describe(
      'Passwords that leaks hold. They are refused when somebody chooses one; whoever has one already is told after a login.',
    ),
  argon2: argon2.prefault({}).describe('Cost of a hash; raised costs reach a password at its next login.'),
  workers: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('Hashing processes; by default one less than there are cores, shared out among the workers.'),
  max_queue: z
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe('Passwords that may wait for a hashing process; more are answered 429.'),
  former_secrets: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'expected small letters, digits, `_`, `.` and `-`'),
      secret(),
    )
    .default({})
    .describe(
      'Secrets that other systems mixed into the passwords of accounts that were moved in, by a name of your choice ' +
        '(`uni_id_1` for version 1 of uni-id); needed until the last of them has logged in here.',
    ),
  lock: lock.prefault({}).describe('What happens after wrong passwords.'),
})

/** The settings of passwords, after they were checked. */
export type PasswordPolicy = z.output<typeof passwordOptions>
