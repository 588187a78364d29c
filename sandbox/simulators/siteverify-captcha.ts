import type { Clock } from '../../src/base/clock.ts'
import { type CaptchaSimulator, type Solved, startCaptcha } from './captcha-simulator.ts'
import { Issued } from './issued.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'
import { formOf } from './web-vendor.ts'

/** The vendors that speak this protocol, each with a dialect. */
export type SiteverifyDialect = 'turnstile' | 'hcaptcha' | 'recaptcha'

/** Which site the simulator knows. */
export interface SiteverifyOptions {
  readonly clock: Clock
  readonly dialect: SiteverifyDialect
  readonly siteKey: string
  readonly secret: string
  readonly port?: number
}

interface Dialect {
  readonly path: string
  readonly lifeSeconds: number
  readonly used: string
  readonly expired: string
}

const dialects: Readonly<Record<SiteverifyDialect, Dialect>> = {
  turnstile: {
    path: '/turnstile/v0/siteverify',
    lifeSeconds: 300,
    used: 'timeout-or-duplicate',
    expired: 'timeout-or-duplicate',
  },
  hcaptcha: {
    path: '/siteverify',
    lifeSeconds: 120,
    used: 'already-seen-response',
    expired: 'expired-input-response',
  },
  recaptcha: {
    path: '/recaptcha/api/siteverify',
    lifeSeconds: 120,
    used: 'timeout-or-duplicate',
    expired: 'timeout-or-duplicate',
  },
}

/**
 * Plays `siteverify` of Turnstile, hCaptcha and reCAPTCHA. A token is good for every page that has the site key: it is
 * for the server to look at `hostname` and `action`. A secret that begins like `1x0000` is one for tests, and takes
 * everything.
 */
export async function startSiteverify(options: SiteverifyOptions): Promise<CaptchaSimulator<string>> {
  const { clock, dialect, siteKey, secret, port } = options
  const { path, lifeSeconds, used, expired } = dialects[dialect]
  const issued = new Issued<Solved & { readonly at: number }>({ clock, kind: dialect, ttlSeconds: lifeSeconds })

  const judged = (form: ReadonlyMap<string, string>): string | (Solved & { readonly at: number }) => {
    const given = (name: string) => form.get(name) ?? ''
    if (given('secret') === '') return 'missing-input-secret'
    if (given('response') === '') return 'missing-input-response'
    if (/^1x0000/.test(secret) && given('secret') === secret) {
      return { of: siteKey, hostname: 'example.com', action: 'test', at: clock() }
    }
    if (given('secret') !== secret) return 'invalid-input-secret'
    if (form.has('sitekey') && given('sitekey') !== siteKey) return 'sitekey-secret-mismatch'
    const found = given('response').length > 2048 ? undefined : issued.find(given('response'))
    if (found?.about.of !== siteKey) return 'invalid-input-response'
    if (found.state === 'used') return used
    if (found.state === 'expired') return expired
    issued.use(given('response'))
    return found.about
  }

  return startCaptcha({
    clock,
    port,
    solve: ({ of = siteKey, hostname = 'localhost', action = 'menshen' } = {}) =>
      issued.issue({ of, hostname, action, at: clock() }),
    script: (token) => scriptText.replaceAll('NAME', dialect).replace('TOKEN', JSON.stringify(token)),
    judge(request, asked, bent): Answer {
      const form = bodyOf(request, dialect)
      if (request.method !== 'POST' || request.path !== path || form === undefined) return { status: 404, body: '' }
      const outcome = asked ?? judged(form)
      if (typeof outcome === 'string') return { status: 200, body: { success: false, 'error-codes': [outcome] } }
      const { hostname, action, at } = outcome
      const told = { success: true, challenge_ts: new Date(at).toISOString(), hostname, 'error-codes': [] }
      return { status: 200, body: bent(dialect === 'hcaptcha' ? { ...told, credit: false } : { ...told, action }) }
    },
  })
}

/** Turnstile takes JSON as well. */
function bodyOf(request: ReceivedRequest, dialect: SiteverifyDialect): ReadonlyMap<string, string> | undefined {
  if (dialect !== 'turnstile' || !/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return formOf(request)
  }
  return new Map(Object.entries(JSON.parse(request.body)).map(([name, value]) => [name, String(value)]))
}

const scriptText = `
window.NAME = {
  render(element, options) {
    if (!options.sitekey || !element.isConnected) throw new Error('no element')
    setTimeout(() => options.callback(TOKEN))
    return 'widget'
  },
  reset() {},
}
`
