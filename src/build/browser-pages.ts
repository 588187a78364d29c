import type { Context, Middleware } from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { beginningAgain } from '../../interactions/browser/begin-again.ts'
import { browserRoutes } from '../../interactions/browser/browser-routes.ts'
import { carriedPasswords } from '../../interactions/browser/carried-passwords.ts'
import { codeCookie } from '../../interactions/browser/code-cookie.ts'
import { collectedPage } from '../../interactions/browser/collected.ts'
import { consentPages } from '../../interactions/browser/consent.ts'
import { deviceCookie } from '../../interactions/browser/device-cookie.ts'
import { humanCheckPages } from '../../interactions/browser/human-check-page.ts'
import { knownPersons } from '../../interactions/browser/known-person.ts'
import { loginPages } from '../../interactions/browser/login.ts'
import { passwordLinkPages } from '../../interactions/browser/password-link.ts'
import { renderer as buildRenderer, type Renderer } from '../../interactions/browser/render.ts'
import type { LoginMethods } from '../../interactions/methods/method-registry.ts'
import type { Words } from '../../interactions/native/refusal.ts'
import type { Visit } from '../../interactions/upstreams/visit.ts'
import { viewEngine, viewsFolder } from '../../views/engine.ts'
import { passwordLinks } from '../accounts/password-links.ts'
import { documentVersion } from '../base/document.ts'
import type { Locale, Localized } from '../base/languages.ts'
import { callingCodeOf, countryName } from '../base/phone.ts'
import { representationsOfJson } from '../base/representations.ts'
import { ownRoutes } from '../http/own-routes.ts'
import { consentTo, decide } from '../oidc/records/consents.ts'
import type { SignIn } from '../oidc/records/sign-in.ts'
import type { UnitOfWork } from '../oidc/records/unit-of-work.ts'
import type { OidcRuntime } from '../oidc/runtime.ts'
import type { SessionLife } from '../oidc/session-life.ts'
import { schemaAddress } from '../own-data/archive.ts'
import type { OwnDataExports } from '../own-data/exports.ts'
import { ownDataSchema } from '../own-data/own-data.ts'
import { accountCentre } from './account-centre.ts'
import type { Core } from './core.ts'
import type { Face } from './face.ts'
import type { Logins } from './logins.ts'
import { appsOfOthers, collectedFacts } from './own-archives.ts'
import type { Pictures } from './pictures.ts'

/** The pages for browsers. */
export interface Pages {
  readonly renderer: Renderer
  readonly routes: Middleware
  /** The same sentences, for answers that are not pages. */
  readonly words: Words & {
    readonly locale: (ctx: Context) => Locale
    readonly agreementTitle: (id: string, visit: Visit) => string
  }
  /** Called for every interaction that begins, so that its page can lead on when the interaction is over. */
  remember(ctx: KoaContextWithOIDC): void
}

interface Dependencies {
  readonly core: Core
  readonly face: Face
  readonly logins: Logins
  readonly pictures: Pictures
  readonly exports: OwnDataExports
  /** Asked at each request, because clients come and go, and the provider with them. */
  readonly runtime: () => Pick<OidcRuntime, 'provider' | 'policies' | 'looks'>
  readonly sessions: Pick<SessionLife, 'touch' | 'forget'>
  readonly units: UnitOfWork
}

/** Builds everything that draws for people. */
export function buildPages(dependencies: Dependencies): Pages {
  const { core, face, logins, runtime, units } = dependencies
  const provider = () => runtime().provider()
  const policies = () => runtime().policies()
  const { i18n } = face
  const { config, clock, directory, audit } = core
  const { attempts, callbacks, methods } = logins
  const minPasswordLength = config.password.min_length
  const secure = config.issuer.startsWith('https:')

  const renderer = buildRenderer({
    engine: viewEngine({
      folder: viewsFolder,
      translate: i18n.translate,
      files: face.assets,
      locales: i18n.locales,
      providerLabels: labelsOf(methods),
    }),
    i18n,
    brand: face.pageBrand,
    lookOf: (clientId) => runtime().looks().of(clientId),
    sandbox: config.sandbox,
    secure,
    now: () => new Date(clock()),
  })

  const countries = (ctx: Context) =>
    [...new Set(config.sms.countries.map((digits) => callingCodeOf(digits) ?? digits))].map((code) => ({
      callingCode: code,
      name: countryName(code, renderer.locale(ctx)),
    }))
  async function agreedIn(sessionUid: string): Promise<readonly string[]> {
    const unit = units.current()
    await unit?.findSessionByUid(sessionUid)
    const about = unit?.sessions.aboutOf(sessionUid)
    return about === undefined ? [] : ((JSON.parse(about) as Partial<SignIn>).pageAgreements ?? [])
  }
  const carried = carriedPasswords({ sealer: core.sealer, clock })
  const codes = codeCookie({ sealer: core.sealer, clock, secure })
  const login = loginPages({
    attempts,
    methods,
    directory,
    merges: logins.others.merges,
    renderer,
    device: deviceCookie({ devices: logins.devices, secure }),
    codes,
    humans: humanCheckPages({ checks: logins.checks.pages, renderer, carried }),
    known: knownPersons({ directory, agreedIn, agreements: config.agreements.map(documentVersion) }),
    options: {
      secure,
      agreements: (ctx) =>
        config.agreements.map((each) => ({
          id: each.id,
          url: each.url,
          title: face.agreementTitle(each, renderer.locale(ctx)),
        })),
      countries,
      registration: logins.registration,
      minPasswordLength,
      nowMs: clock,
      carried,
    },
  })
  const again = beginningAgain({ provider, secure })
  const collected = collectedPage({
    renderer,
    options: {
      facts: collectedFacts(core, logins),
      others: () => appsOfOthers(core),
      client: (clientId) => provider().Client.find(clientId),
      policies,
    },
  })
  const router = browserRoutes({
    provider,
    renderer,
    callbacks,
    pages: {
      login,
      consent: consentPages({ renderer, policies, consents: consents(core) }),
      collected,
      passwordLink: passwordLinkPages({
        ...{ renderer, directory, audit, links: passwordLinks(core), passwords: logins.passwords },
        options: { minPasswordLength, end: logins.end },
      }),
      archiveSchema: representationsOfJson(ownDataSchema(schemaAddress(config.issuer))),
      account: accountCentre({ ...dependencies, renderer, countries, codes }),
    },
    directory,
    audit,
    again,
    mac: (text) => core.sealer.mac('form_sent', text),
  })

  return {
    renderer,
    routes: ownRoutes(router),
    words: {
      locale: renderer.locale,
      forPeople: renderer.translate,
      forDevelopers: (key, params) => i18n.translate('en', key, params),
      agreementTitle: (id, { locale }) => {
        const found = config.agreements.find((each) => each.id === id)
        return found ? face.agreementTitle(found, locale) : id
      },
    },
    remember: again.note,
  }
}

/** What people have allowed apps of others. */
function consents({ database, clock }: Core): Parameters<typeof consentPages>[0]['consents'] {
  return { find: (of) => consentTo(database, of), decide: (of, decided) => decide({ database, clock }, of, decided) }
}

function labelsOf(methods: LoginMethods): ReadonlyMap<string, Localized> {
  return new Map(
    [...methods.values()].flatMap(({ connection }) =>
      connection?.label === undefined ? [] : [[connection.provider, connection.label] as const],
    ),
  )
}
