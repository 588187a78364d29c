import type { Context } from 'koa'
import { encodingFor, packPage } from '../../src/base/compression.ts'
import type { ViewName } from '../../views/views.ts'

/**
 * The pages that are packed where the browser takes it. SECURITY: whoever chooses a part of a page and sees how long it
 * is when packed can guess the rest of it (BREACH). So a page is here only if it shows nothing of somebody who is
 * signed in, and no code or token. See docs/decisions/0055.
 */
const packed: ReadonlySet<ViewName> = new Set([
  'login',
  'code',
  'register',
  'reset',
  'error',
  'message',
  'terms',
  'logout-done',
  'device-done',
])
/** Members of a page's data that name somebody, or prove who sends its form. */
const telling = ['known', 'formToken'] as const

/** Whether a page with these data may be packed. */
export function mayBePacked(name: ViewName, data: object): boolean {
  return packed.has(name) && !telling.some((member) => (data as Record<string, unknown>)[member] !== undefined)
}

/** Answers with a page, packed where that is allowed and the browser takes it. */
export function sendPage(ctx: Context, html: string, mayPack: boolean): void {
  ctx.type = 'html'
  // A page that failed later may have been packed.
  ctx.remove('content-encoding')
  if (mayPack) ctx.vary('Accept-Encoding')
  const isPacked = mayPack && encodingFor(ctx.get('accept-encoding'), ['gzip']) !== undefined
  if (isPacked) ctx.set('content-encoding', 'gzip')
  ctx.body = isPacked ? packPage(html) : html
}
