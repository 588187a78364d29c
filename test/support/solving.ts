import { type Challenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'

/** The field or parameter `altcha` for a challenge, solved by the makers' own code. */
export async function solved(challenge: unknown, change: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const solution = await solveChallenge({ challenge: challenge as Challenge, deriveKey })
  return packed({ challenge, solution, ...change })
}

/** How a solution travels. */
export function packed(given: unknown): string {
  return Buffer.from(JSON.stringify(given)).toString('base64')
}
