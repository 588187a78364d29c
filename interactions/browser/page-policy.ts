import type { PageOptions } from '../../src/oidc/library-pages.ts'

const usual = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'frame-ancestors': "'none'",
  'object-src': "'none'",
}

/** Pages whose form may be answered by a way out: to the client, to a vendor. */
const leavingPath = /^\/(auth|interaction|session\/end)(\/|$)|^\/account\/(identities|merge)\/?$/i

interface Where extends Pick<PageOptions, 'frames' | 'widget'> {
  /** Address of the client, where a login leads to one. */
  readonly leadsTo: string | undefined
  /** Whether this server is reached by https. */
  readonly secure: boolean
}

/** The content security policy of a page of ours. */
export function contentPolicy(path: string, { leadsTo, secure, frames, widget }: Where): string {
  const rules = { ...usual, ...(frames === undefined ? {} : { 'frame-src': frames }), ...(widget && relaxed(widget)) }
  return [
    ...Object.entries(rules).map(([name, sources]) => `${name} ${sources}`),
    formAction(path, leadsTo, secure),
    ...(widget ? ['sandbox allow-scripts allow-same-origin allow-forms'] : []),
  ].join('; ')
}

/**
 * What a widget of others needs. SECURITY: on a page with nothing else. Its script could do what the page can do, so
 * that the page can ask this server for nothing, hold no page of it and open none (`sandbox`): what is left is to send
 * its own form.
 */
function relaxed({ script, sources, mayEval }: NonNullable<PageOptions['widget']>): Readonly<Record<string, string>> {
  const hosts = [...new Set([new URL(script).origin, ...sources])].join(' ')
  return {
    'script-src': `'self' ${hosts}${mayEval ? " 'unsafe-eval'" : ''}`,
    'style-src': `'self' 'unsafe-inline' ${hosts}`,
    'img-src': `'self' data: blob: ${hosts}`,
    'font-src': `'self' data: ${hosts}`,
    'connect-src': hosts,
    'frame-src': hosts,
    'media-src': hosts,
    'worker-src': 'blob:',
  }
}

/**
 * Where the forms of a page may lead. SECURITY: home only, wherever the way ends here. Browsers apply this to every
 * redirect that follows, and nobody knows where a client or a vendor leads on to, so that a page with a way out can
 * name no hosts: it names the schemes, https and that of this very client. See docs/decisions/0026.
 */
function formAction(path: string, leadsTo: string | undefined, secure: boolean): string {
  if (!leavingPath.test(path)) return "form-action 'self'"
  const own = leadsTo === undefined ? undefined : URL.parse(leadsTo)?.protocol
  const schemes = new Set(['https:', ...(secure ? [] : ['http:']), ...(own ? [own] : [])])
  return `form-action 'self' ${[...schemes].join(' ')}`
}
