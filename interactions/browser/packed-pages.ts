import type { Context } from 'koa'
import { type Encoding, encodingFor, packPage } from '../../src/base/compression.ts'
import type { TypedValues } from '../../views/form-values.ts'
import type { ViewName } from '../../views/views.ts'
import { isTyped } from './typed.ts'

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

/** Pages that are drawn alike for whoever opens them, as long as nothing is typed into them. */
const alike: ReadonlySet<ViewName> = new Set(['login', 'register', 'reset', 'terms'])

/** How often a page is packed: not at all, for each request, or once for all that are drawn alike. */
export type Packing = 'never' | 'each' | 'once'

/** How a page with these data may be packed. */
export function packingOf(name: ViewName, data: object): Packing {
  const members = data as Readonly<Record<string, unknown>>
  if (!packed.has(name) || telling.some((member) => members[member] !== undefined)) return 'never'
  return alike.has(name) && !isTyped((members['values'] ?? {}) as TypedValues) ? 'once' : 'each'
}

/** Two languages of a dozen apps, with and without an error. */
const rememberedPages = 64

/** Answers with a page. */
export type SendPage = (ctx: Context, html: string, packing: Packing) => void

/**
 * Makes what answers with pages, packed where that is allowed and the browser takes it. What answers a form is sent as
 * it is: it shows what was typed, and few ask for it.
 */
export function pageSender(): SendPage {
  const remembered = { br: new Map<string, Buffer>(), gzip: new Map<string, Buffer>() }

  /** Packing costs as much as drawing, and many people open the same page. */
  function packedOnce(html: string, encoding: Encoding): Buffer {
    const pages = remembered[encoding]
    const known = pages.get(html)
    if (known) return known
    const [oldest] = pages.keys()
    if (pages.size >= rememberedPages && oldest !== undefined) pages.delete(oldest)
    const body = packPage(html, encoding)
    pages.set(html, body)
    return body
  }

  return (ctx, html, packing) => {
    ctx.type = 'html'
    // A page that failed later may have been packed.
    ctx.remove('content-encoding')
    const mayPack = packing !== 'never' && ctx.method !== 'POST'
    if (mayPack) ctx.vary('Accept-Encoding')
    const offered: readonly Encoding[] = packing === 'once' ? ['br', 'gzip'] : ['gzip']
    const encoding = mayPack ? encodingFor(ctx.get('accept-encoding'), offered) : undefined
    if (encoding !== undefined) ctx.set('content-encoding', encoding)
    const pack = packing === 'once' ? packedOnce : packPage
    ctx.body = encoding === undefined ? html : pack(html, encoding)
  }
}
