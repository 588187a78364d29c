import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import type Router from '@koa/router'
import type { Context } from 'koa'
import { refuseCrossSite } from '../../interactions/browser/guard.ts'
import type { Renderer } from '../../interactions/browser/render.ts'
import { readForm } from '../../interactions/form.ts'
import { documentVersion } from '../../src/base/document.ts'
import { AppError } from '../../src/base/errors.ts'
import type { Config } from '../../src/config/config.ts'
import { answerPage, type Visit } from '../pages.ts'
import { upstreamPeople } from '../people.ts'
import type { NativeUpstreams } from '../upstreams.ts'
import { type Installation, Installations, type Purpose } from './native-installations.ts'
import { type NativeView, nativePage, ways } from './native-page.ts'
import { sdkCredential } from './native-sdk.ts'

interface Dependencies {
  readonly config: Pick<Config, 'issuer' | 'agreements'>
  readonly renderer: Pick<Renderer, 'switchLanguage'>
  readonly visit: (ctx: Context, path: string) => Visit
  /** The vendors' phones; undefined if they are simulated elsewhere, or are real. */
  readonly vendors: NativeUpstreams | undefined
}

type Form = Readonly<Record<string, string>>

const path = '/sandbox/native'
const cookie = 'menshen_sandbox_app'

/** The app on a phone, and what its vendors' SDKs would give it, for people who call the endpoint by hand. */
export function nativeAppRoutes(router: Router, { config, renderer, visit, vendors }: Dependencies): void {
  const { issuer, agreements } = config
  const installations = new Installations(issuer)
  const agreed = agreements.map(documentVersion).join(' ')

  async function show(ctx: Context): Promise<void> {
    const installation = installations.find(ctx.cookies.get(cookie, { signed: false }))
    const { challenge, identities, merges, change, deletion, notice } = installation ?? {}
    const { exchanges = [], answeredAt = 0 } = installation ?? {}
    const underWay = installation?.purpose ?? 'login'
    const page = visit(ctx, path)
    const view: NativeView = {
      ...{ challenge, identities, merges, change, deletion, notice, exchanges },
      challengedSecondsAgo: Math.floor((performance.now() - answeredAt) / 1000),
      lacks: lacks(),
      way: String(ctx.query['way'] ?? ''),
      purpose: underWay === 'login' ? purposeIn(ctx.query['purpose']) : underWay,
      isUnderWay: underWay !== 'login',
      agreements: agreements.map(({ id, url, title }) => {
        const isCommon = id === 'terms' || id === 'privacy'
        return { id, url, title: title?.[page.locale] ?? (isCommon ? page.say(`native.document_${id}`) : id) }
      }),
      signedIn: await installation?.client.tokens(),
    }
    answerPage(ctx, nativePage(page, view), 200, vendors?.oneTap.page.url)
  }

  /** Several processes do not share this page's memory, nor what the simulators have issued. */
  function lacks(): NativeView['lacks'] {
    if (cluster.isWorker) return 'page'
    return vendors ? undefined : 'vendors'
  }

  function installationOf(ctx: Context): Installation {
    const found = installations.find(ctx.cookies.get(cookie, { signed: false }))
    if (found) return found
    const { key, installation } = installations.add()
    const options = { httpOnly: true, sameSite: 'lax', signed: false, overwrite: true } as const
    ctx.cookies.set(cookie, key, { ...options, path, secure: issuer.startsWith('https:') })
    return installation
  }

  function back(ctx: Context, query = ''): void {
    ctx.redirect(`${path}${query}`)
    ctx.status = 303
  }

  router.get('sandbox_native', path, async (ctx: Context) => {
    if (!renderer.switchLanguage(ctx)) await show(ctx)
  })

  router.post('sandbox_native_act', path, async (ctx: Context) => {
    refuseCrossSite(ctx, issuer)
    const { fields } = await readForm(ctx)
    const installation = installationOf(ctx)
    const uiLocales = visit(ctx, path).locale
    switch (fields['action']) {
      case 'begin':
        return begin(ctx, installation, fields, uiLocales)
      case 'go_on': {
        const { otp, resend, choice, account, phone, identifier, captcha_token: captcha } = fields
        const typed = { otp, resend, choice, account, phone, identifier }
        const answers = { ...typed, captcha_token: captcha, ...mergeAnswers(fields) }
        const answered = given({ ...answers, ui_locales: uiLocales })
        const isAgain = captcha !== undefined || fields['agreed'] !== undefined
        await installation.goOn(fields['agreed'] ? { ...answered, agreements: agreed } : answered, isAgain)
        break
      }
      case 'drop':
        await installation.leave()
        break
      case 'identities':
        await installation.list()
        break
      case 'remove':
        await installation.remove(fields['identity'] ?? '')
        break
      case 'change':
        await installation.beginChange(fields['identity'] ?? '')
        break
      case 'stop_change':
        await installation.stopChange(fields['identity'] ?? '')
        break
      case 'merges':
        await installation.listMerges()
        break
      case 'undo_merge':
        await installation.undoMerge(fields['merge'] ?? '')
        break
      case 'deletion':
        await installation.showDeletion()
        break
      case 'ask_deletion':
        await installation.askForDeletion()
        break
      case 'refresh':
        await installation.refresh()
        break
      case 'orders':
        await installation.call({ path: '/sandbox/api/orders' })
        break
      case 'step_up':
        await installation.leave()
        installation.challenge = { error: 'insufficient_user_authentication', max_age: 0 }
        break
      case 'logout':
        await installation.client.logout().catch(() => undefined)
        await installation.leave()
        installation.identities = undefined
        installation.merges = undefined
        installation.notice = 'native.logged_out'
    }
    back(ctx)
  })

  async function begin(ctx: Context, installation: Installation, fields: Form, uiLocales: string): Promise<void> {
    const way = ways.find(({ id }) => id === fields['way'])
    if (!way) throw new AppError('request.invalid')
    const purpose = purposeIn(fields['purpose'])
    const { phone, identifier, password, person = '', max_age } = fields
    const agreements = fields['agree'] === undefined || purpose !== 'login' ? undefined : agreed
    const common = given({
      agreements,
      max_age,
      ui_locales: uiLocales,
      ...(purpose === 'login' ? { device_name: 'Sandbox' } : {}),
    })
    if (way.asks === 'phone') await installation.begin({ method: 'sms', ...given({ phone }), ...common }, purpose)
    else if (way.asks === 'password') {
      await installation.begin({ method: 'password', ...given({ identifier, password }), ...common }, purpose)
    } else if (way.asks === 'sim') {
      const vendor = way.id === 'aliyun' ? 'aliyun' : 'univerify'
      const sim = upstreamPeople.find(({ id }) => id === person)?.phone
      if (!vendors || sim === undefined) throw new AppError('request.invalid')
      const state = randomBytes(18).toString('base64url')
      installation.purpose = purpose
      installation.atCarrier = { state, vendor, form: common }
      const returnTo = `${issuer}${path}/carrier?${new URLSearchParams({ state })}`
      ctx.redirect(vendors.oneTap.page.consentUrl({ vendor, phone: sim, returnTo }))
      ctx.status = 303
      return
    } else {
      const credential = vendors && sdkCredential(vendors, way.id, person)
      if (!credential) throw new AppError('request.invalid')
      await installation.begin({ ...credential, ...common }, purpose)
    }
    back(ctx)
  }

  /** The carrier's page leads here. What it brings is used once and does not stay in the address. */
  router.get('sandbox_native_carrier', `${path}/carrier`, async (ctx: Context) => {
    const installation = installations.find(ctx.cookies.get(cookie, { signed: false }))
    const { atCarrier } = installation ?? {}
    const { state, access_token, openid, token } = ctx.query as Form
    // SECURITY: this check keeps other people from putting their token into this app.
    if (!installation || !atCarrier || state !== atCarrier.state) throw new AppError('request.invalid')
    installation.atCarrier = undefined
    const carrierToken = access_token ?? token
    if (carrierToken === undefined) {
      installation.notice = 'native.carrier_left'
      return back(ctx, '?way=sms')
    }
    const credential = {
      method: 'one_tap',
      vendor: atCarrier.vendor,
      ...given({ carrier_token: carrierToken, openid }),
    }
    await installation.begin({ ...credential, ...atCarrier.form }, installation.purpose)
    back(ctx)
  })

  router.post('sandbox_native_credential', `${path}/credential`, async (ctx: Context) => {
    refuseCrossSite(ctx, issuer)
    const { kind = '', person = 'lilei' } = (await readForm(ctx)).fields
    const credential = vendors && sdkCredential(vendors, kind, person)
    if (!credential) throw new AppError('request.invalid')
    ctx.set('cache-control', 'no-store')
    ctx.body = credential
  })
}

function purposeIn(named: unknown): Purpose {
  return named === 'bind' || named === 'merge' ? named : 'login'
}

/** What stays of two accounts, as the person says. */
function mergeAnswers(fields: Form): Form {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => /^(?:into|keep_\w+|stays_\w+)$/.test(name)))
}

/** Only the fields that have a value. */
function given(form: Readonly<Record<string, string | undefined>>): Form {
  return Object.fromEntries(Object.entries(form).flatMap(([name, value]) => (value ? [[name, value]] : [])))
}
