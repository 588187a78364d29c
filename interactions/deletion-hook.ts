import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../src/base/errors.ts'
import type { HttpClient } from '../src/base/http.ts'
import type { UserId } from '../src/base/ids.ts'
import { inLanguage, type Locale } from '../src/base/languages.ts'
import type { Secret } from '../src/base/secret.ts'
import { signedHeaders } from '../src/base/signed-body.ts'

/** What the operator's own system says about a deletion. */
export type HookAnswer =
  | { readonly allow: true }
  /** `reason` is a text of others and is shown as such; `link` leads to where it can be put in order. */
  | { readonly allow: false; readonly reason: string; readonly link: string | undefined }

/** Asks whether anything stands in the way of a deletion. Throws `deletion.unanswered` when nobody can say. */
export type DeletionHook = (about: { readonly userId: UserId; readonly locale: Locale }) => Promise<HookAnswer>

const longestReason = 300

// SECURITY: whatever is not exactly this is no yes, and a link leads to nothing but a page.
const answer = z.discriminatedUnion('allow', [
  z.strictObject({ allow: z.literal(true) }),
  z.strictObject({
    allow: z.literal(false),
    reason: z
      .record(z.string().max(20), z.string().trim().min(1).max(longestReason))
      .refine((texts) => Object.keys(texts).length > 0),
    link: z
      .url({ protocol: /^https$/ })
      .max(1000)
      .optional(),
  }),
])

/**
 * The question to the operator's system: JSON, signed. SECURITY: it fails closed. Without an answer of 200 in time that
 * is of the right shape nothing is deleted.
 */
export function deletionHook(
  { url, secret }: { readonly url: string; readonly secret: Secret },
  { http, nowSeconds }: { readonly http: HttpClient; readonly nowSeconds: () => number },
): DeletionHook {
  async function ask(userId: UserId): Promise<z.output<typeof answer>> {
    const body = JSON.stringify({ type: 'account_deletion', id: randomUUID(), sub: userId })
    const headers = signedHeaders(body, { secret, nowSeconds: nowSeconds() })
    const { status, text } = await http.request(url, { method: 'POST', headers, body })
    if (status !== 200) throw new Error(`expected 200, got ${status}`)
    return answer.parse(JSON.parse(text))
  }

  return async ({ userId, locale }) => {
    const said = await ask(userId).catch((cause: unknown) => {
      throw new AppError('deletion.unanswered', { cause })
    })
    return said.allow ? said : { allow: false, reason: inLanguage(said.reason, locale), link: said.link }
  }
}
