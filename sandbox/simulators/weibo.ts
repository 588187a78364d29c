import type { Clock } from '../../src/base/clock.ts'
import { type Simulator, startSimulator } from './simulator.ts'
import { weiboApi } from './weibo-api.ts'
import { weiboAuthorize, weiboPages } from './weibo-page.ts'
import { type WeiboApp, type WeiboPerson, WeiboState } from './weibo-state.ts'

/** The apps and the people that the simulator knows. */
export interface WeiboOptions {
  readonly clock: Clock
  readonly apps: readonly WeiboApp[]
  readonly people: readonly WeiboPerson[]
  readonly port?: number
}

interface Consent {
  /** If it is absent, the simulator takes the app's first one. */
  readonly redirectUri?: string
  readonly scope?: string
}

/** The simulator, and what a test may make it do. */
export interface WeiboSimulator extends Simulator {
  /** A code as if this person had agreed on the page. */
  authorize(personId: string, appKey: string, consent?: Consent): string
  /** What the app's SDK hands out on a phone, or what a code is exchanged for, without a request. */
  issueTokens(personId: string, appKey: string, consent?: Consent): WeiboTokens
  /** A person has the same one in every app. */
  uid(personId: string): string
  /** From now on every code that exists gets the answer 21325. */
  expireCodes(): void
  /** How get_token_info writes uid and appkey: its sample has numbers, an SDK of the vendor expects strings. */
  setIdsAs(idsAs: 'number' | 'string'): void
}

type WeiboTokens = ReturnType<WeiboState['issueToken']>

/**
 * Plays api.weibo.com. Not documented by the vendor: HTTP statuses, the life of a code (10 minutes here) and of a
 * token, whether errors in a query carry the state, what get_token_info says of an ended token, the codes 10016 and
 * 20003 of users/show.
 */
export async function startWeibo({ clock, apps, people, port }: WeiboOptions): Promise<WeiboSimulator> {
  const weibo = new WeiboState({ clock, apps, people })
  const simulator = await startSimulator({
    clock,
    port,
    pages: weiboPages,
    handle(request, refuse) {
      if (request.path === '/oauth2/authorize') return weiboAuthorize(request, weibo)
      return (
        weiboApi(request, weibo, refuse) ?? {
          status: 404,
          body: 'Not Found',
          headers: { 'content-type': 'text/plain' },
        }
      )
    },
  })

  const grant = (person: string, appKey: string, { redirectUri, scope = '' }: Consent = {}) => {
    const registered = weibo.app(appKey).redirectUris?.[0] ?? ''
    return { person: weibo.person(person).id, appKey, scope, redirectUri: redirectUri ?? registered }
  }

  return Object.assign(simulator, {
    authorize: (person: string, appKey: string, consent?: Consent) => weibo.codes.issue(grant(person, appKey, consent)),
    issueTokens: (person: string, appKey: string, consent?: Consent) =>
      weibo.issueToken(grant(person, appKey, consent)),
    uid: (person: string) => weibo.uid(person),
    expireCodes: () => weibo.codes.expireAll(),
    setIdsAs(idsAs: 'number' | 'string') {
      weibo.idsAs = idsAs
    },
  })
}
