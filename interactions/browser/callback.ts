import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from 'koa'
import { AppError } from '../../src/base/errors.ts'
import { accountPaths, answerPath, interactionPath } from '../../src/base/paths.ts'
import { isBinding, isMerging } from '../attempt-id.ts'
import type { Callbacks, Ending, Kept } from '../callbacks.ts'
import { readForm } from '../form.ts'
import { leave } from './leave.ts'

/** How far the second of two callbacks stays behind the first. */
const behindMs = 500

/**
 * GET or POST from an upstream. SECURITY: an answer may come across sites, so nothing is done with it here: it is kept,
 * and the browser is sent to a page of ours by a GET, which carries the SameSite=Lax cookie that proves whose attempt
 * it is.
 */
export function receiveCallback(callbacks: Callbacks) {
  return async (ctx: Context): Promise<void> => {
    const response = ctx.method === 'POST' ? (await readForm(ctx)).fields : singleValues(ctx.query)
    const { attemptId, handle } = await callbacks.receive(String(ctx['params'].connection), response)
    const page = isBinding(attemptId)
      ? accountPaths.identities
      : isMerging(attemptId)
        ? accountPaths.merge
        : interactionPath(attemptId)
    leave(ctx, `${answerPath(page)}?handle=${handle}`)
  }
}

/**
 * Hands what an upstream brought to `work`, once, and leads to the page of the attempt with what came of it; a second
 * look at the same answer is led where the first was. Answers false when there is nothing for this attempt.
 */
export async function takeAnswer(
  ctx: Context,
  { callbacks, attemptId, page }: { readonly callbacks: Callbacks; readonly attemptId: string; readonly page: string },
  work: (kept: Kept) => Promise<Ending | undefined>,
): Promise<boolean> {
  const handle = typeof ctx.query['handle'] === 'string' ? ctx.query['handle'] : ''
  const kept = await callbacks.take(attemptId, handle)
  if (!kept) {
    const location = handle === '' ? undefined : await callbacks.keptLocation(attemptId, handle)
    if (location === undefined) return false
    // Of two that come at once the first is still on its way to the end, and brings this browser its session.
    await delay(behindMs)
    leave(ctx, location)
    return true
  }
  const ending = await work(kept)
  if (ending) {
    await callbacks.end(attemptId, handle, ending)
    leave(ctx, `${page}?answer=${handle}`)
  }
  await callbacks.keepLocation(attemptId, handle, ctx.response.get('location'))
  return true
}

function singleValues(query: Context['query']): Record<string, string> {
  const entries = Object.entries(query).map(([name, value]) => {
    if (typeof value !== 'string' || value.length > 4000) throw new AppError('request.invalid')
    return [name, value] as const
  })
  return Object.fromEntries(entries)
}
