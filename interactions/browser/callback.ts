import type { Context } from 'koa'
import { AppError } from '../../src/base/errors.ts'
import type { Callbacks } from '../callbacks.ts'
import { readForm } from './form.ts'

/** Attempts of somebody who is signed in and binds another way in carry this in front of their id. */
export const bindingPrefix = 'bind.'

/**
 * GET or POST from an upstream. SECURITY: an answer may come across sites, so nothing is done with it here: it is kept, and the
 * browser is sent to a page of ours by a GET, which carries the SameSite=Lax cookie that proves whose attempt it is.
 */
export function receiveCallback(callbacks: Callbacks) {
  return async (ctx: Context): Promise<void> => {
    const response = ctx.method === 'POST' ? (await readForm(ctx)).fields : singleValues(ctx.query)
    const { attemptId, handle } = await callbacks.receive(String(ctx['params'].connection), response)
    const page = attemptId.startsWith(bindingPrefix) ? '/account/identities' : `/interaction/${attemptId}`
    ctx.redirect(`${page}/callback?handle=${handle}`)
    ctx.status = 303
  }
}

function singleValues(query: Context['query']): Record<string, string> {
  const entries = Object.entries(query).map(([name, value]) => {
    if (typeof value !== 'string' || value.length > 4000) throw new AppError('request.invalid')
    return [name, value] as const
  })
  return Object.fromEntries(entries)
}
