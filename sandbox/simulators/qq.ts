import type { Clock } from '../../src/base/clock.ts'
import type { Person } from './consent-page.ts'
import { qqApi, tokens } from './qq-api.ts'
import { qqAuthorize, qqPages } from './qq-page.ts'
import { type QqApp, QqState } from './qq-state.ts'
import { type Simulator, startSimulator } from './simulator.ts'

/** The apps and the people that the simulator knows. */
export interface QqOptions {
  readonly clock: Clock
  readonly apps: readonly QqApp[]
  readonly people: readonly Person[]
  readonly port?: number
}

interface Consent {
  /** If it is absent, the simulator takes the app's first one. */
  readonly redirectUri?: string
  /** If it is absent, the scope is `get_user_info`. */
  readonly scope?: string
}

/** The simulator, and what a test may make it do. */
export interface QqSimulator extends Simulator {
  /** A code as if this person had agreed on the page. */
  authorize(personId: string, appid: string, consent?: Consent): string
  /** What the app's SDK hands out on a phone, or what a code is exchanged for, without a request. */
  issueTokens(personId: string, appid: string, consent?: Consent): QqTokens
  openid(personId: string, appid: string): string
  /** It is given whether or not the app may learn it. */
  unionid(personId: string, appid: string): string
  /** From now on every code that exists gets the answer 100019. */
  expireCodes(): void
  /** This person takes back what they allowed this app: its tokens answer 100015 from here on. */
  withdraw(personId: string, appid: string): void
  /** Whether pictures of 100 pixels exist; without, `figureurl_qq_2` is empty. */
  setLargeAvatars(hasLargeAvatars: boolean): void
}

type QqTokens = ReturnType<typeof tokens> & { readonly openid: string }

/**
 * Plays graph.qq.com. Not documented by the vendor: the HTTP status of failures (200 here) and their content type, the
 * life of a code (10 minutes here), how closely a redirect URI must match (as a whole here), the `ret` of a profile
 * call with a bad token.
 */
export async function startQq({ clock, apps, people, port }: QqOptions): Promise<QqSimulator> {
  const qq = new QqState({ clock, apps, people })
  const simulator = await startSimulator({
    clock,
    port,
    pages: qqPages,
    handle(request, refuse) {
      if (request.path === '/oauth2.0/authorize') return qqAuthorize(request, qq)
      return qqApi(request, qq, refuse) ?? { status: 404, body: 'Not Found', headers: { 'content-type': 'text/plain' } }
    },
  })

  const grant = (person: string, appid: string, { redirectUri, scope = 'get_user_info' }: Consent = {}) => {
    const registered = qq.app(appid).redirectUris?.[0] ?? ''
    return { person: qq.person(person).id, appid, scope, redirectUri: redirectUri ?? registered }
  }

  return Object.assign(simulator, {
    authorize: (person: string, appid: string, consent?: Consent) => qq.codes.issue(grant(person, appid, consent)),
    issueTokens: (person: string, appid: string, consent?: Consent) => ({
      ...tokens(qq, grant(person, appid, consent)),
      openid: qq.openid({ person, appid }),
    }),
    openid: (person: string, appid: string) => qq.openid({ person, appid }),
    unionid: (person: string, appid: string) => qq.unionid({ person, appid }),
    expireCodes: () => qq.codes.expireAll(),
    withdraw(person: string, appid: string) {
      const isTheirs = (about: { person: string; appid: string }) => about.person === person && about.appid === appid
      qq.accessTokens.useAll(isTheirs)
      qq.refreshTokens.useAll(isTheirs)
    },
    setLargeAvatars(hasLargeAvatars: boolean) {
      qq.hasLargeAvatars = hasLargeAvatars
    },
  })
}
