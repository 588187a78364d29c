import type { Clock } from '../../src/base/clock.ts'
import type { Person } from './consent-page.ts'
import { derived, Issued } from './issued.ts'

/**
 * An appid of QQ Connect: a website, or an app whose SDK hands out tokens. An app of somebody else is one of another
 * developer.
 */
export interface QqApp {
  readonly appid: string
  readonly secret: string
  /** This is what its consent page calls it. */
  readonly name?: string
  /** It is compared as a whole. An app without one has no page. */
  readonly redirectUris?: readonly string[]
  /** The developer account its unionids belong to. */
  readonly developer: string
  /** Whether the developer's request for unionids was approved. */
  readonly hasUnionid?: boolean
  /** It is false before the review: nobody can log in. */
  readonly isOnline?: boolean
  /** It is false if the app lacks get_user_info. */
  readonly canReadProfile?: boolean
}

/** What a code or token stands for. */
export interface QqGrant {
  readonly appid: string
  readonly person: string
  readonly scope: string
  /** It is empty for a token of the SDK. */
  readonly redirectUri: string
}

const codeSeconds = 600
/** How long an access token of QQ lives. */
export const tokenSeconds = 7_776_000

/** Who and what there is at QQ, and everything handed out. */
export class QqState {
  readonly apps: ReadonlyMap<string, QqApp>
  readonly people: readonly Person[]
  /** Whether the profile has pictures of 100 pixels. */
  hasLargeAvatars = true
  readonly codes: Issued<QqGrant>
  readonly accessTokens: Issued<QqGrant>
  readonly refreshTokens: Issued<QqGrant>

  constructor({ clock, apps, people }: { clock: Clock; apps: readonly QqApp[]; people: readonly Person[] }) {
    this.apps = new Map(apps.map((app) => [app.appid, app]))
    this.people = people
    this.codes = new Issued({ clock, kind: 'qq code', ttlSeconds: codeSeconds })
    this.accessTokens = new Issued({ clock, kind: 'qq access', ttlSeconds: tokenSeconds })
    this.refreshTokens = new Issued({ clock, kind: 'qq refresh', ttlSeconds: Number.POSITIVE_INFINITY })
  }

  app(appid: string): QqApp {
    const app = this.apps.get(appid)
    if (app === undefined) throw new Error(`no app ${appid}`)
    return app
  }

  person(id: string): Person {
    const person = this.people.find((each) => each.id === id)
    if (person === undefined) throw new Error(`nobody is called ${id}`)
    return person
  }

  openid({ person, appid }: Pick<QqGrant, 'person' | 'appid'>): string {
    return derived(32, 'qq openid', appid, person).toUpperCase()
  }

  /** A person has the same one in all apps of one developer. */
  unionid({ person, appid }: Pick<QqGrant, 'person' | 'appid'>): string {
    return `UID_${derived(32, 'qq unionid', this.app(appid).developer, person).toUpperCase()}`
  }
}
