import type { Clock } from '../../src/base/clock.ts'
import type { Person } from './consent-page.ts'
import { derived, Issued } from './issued.ts'

/** An appid. An app of somebody else is one with another Open Platform account. */
export interface WechatApp {
  readonly kind: 'website' | 'official_account' | 'mobile' | 'mini_program'
  readonly appid: string
  readonly secret: string
  /** This is what its consent page calls it. */
  readonly name?: string
  /** Full host name, without scheme; with a port only that port is good. Without it no page sends anybody back. */
  readonly callbackHost?: string
  /** The Open Platform account it is bound to. Without one nobody has a unionid. */
  readonly openPlatform?: string
}

/** Somebody with a WeChat account. */
export interface WechatPerson extends Person {
  /** Bound to the WeChat account; mini programs can ask for it. */
  readonly phone?: { readonly countryCode: string; readonly number: string }
}

/** One consent of one person, and what a code or token of it stands for. */
export interface WechatGrant {
  readonly appid: string
  readonly person: string
  readonly scope: string
  /** It is set in a snapshot page: a different stranger each time. */
  readonly stranger?: string
  /** It is set for a wx.login of a mini program. */
  readonly sessionKey?: string
}

/** A refresh token belongs to the access token it renews. */
export interface WechatRenewal {
  readonly grant: WechatGrant
  accessToken: string
}

const codeSeconds = 300
const accessSeconds = 7200
const refreshSeconds = 30 * 86_400

/** Who and what there is at WeChat, and everything handed out. */
export class WechatState {
  readonly apps: ReadonlyMap<string, WechatApp>
  readonly people: readonly WechatPerson[]
  /** Whose phone the pages inside WeChat are shown on. */
  signedIn: string
  /** Whether pages that demand the profile open as a snapshot. */
  isSnapshot = false
  readonly codes: Issued<WechatGrant>
  readonly accessTokens: Issued<WechatGrant>
  readonly refreshTokens: Issued<WechatRenewal>
  readonly #clock: Clock
  readonly #openPlatforms: Map<string, string | undefined>
  #strangers = 0

  constructor(options: { clock: Clock; apps: readonly WechatApp[]; people: readonly WechatPerson[] }) {
    const { clock, apps, people } = options
    this.#clock = clock
    this.apps = new Map(apps.map((app) => [app.appid, app]))
    this.people = people
    this.signedIn = people[0]?.id ?? ''
    this.#openPlatforms = new Map(apps.map(({ appid, openPlatform }) => [appid, openPlatform]))
    this.codes = new Issued({ clock, kind: 'wechat code', ttlSeconds: codeSeconds })
    this.accessTokens = new Issued({ clock, kind: 'wechat access', ttlSeconds: accessSeconds })
    this.refreshTokens = new Issued({ clock, kind: 'wechat refresh', ttlSeconds: refreshSeconds })
  }

  app(appid: string): WechatApp {
    const app = this.apps.get(appid)
    if (app === undefined) throw new Error(`no app ${appid}`)
    return app
  }

  person(id: string): WechatPerson {
    const person = this.people.find((each) => each.id === id)
    if (person === undefined) throw new Error(`nobody is called ${id}`)
    return person
  }

  /** What this person agrees to; within a snapshot a stranger does. */
  grant(asked: { person: string; appid: string; scope: string; isSnapshot: boolean }): WechatGrant {
    const { person, appid, scope, isSnapshot } = asked
    if (isSnapshot) this.#strangers += 1
    const stranger = isSnapshot ? { stranger: `${this.#clock()} ${this.#strangers}` } : {}
    return { person: this.person(person).id, appid: this.app(appid).appid, scope, ...stranger }
  }

  bind(appid: string, openPlatform: string | undefined): void {
    this.#openPlatforms.set(this.app(appid).appid, openPlatform)
  }

  openid({ person, appid, stranger = '' }: Pick<WechatGrant, 'person' | 'appid' | 'stranger'>): string {
    return identifier('openid', appid, person, stranger)
  }

  /** It is undefined while the app is bound to no Open Platform account. */
  unionid({ person, appid, stranger = '' }: Pick<WechatGrant, 'person' | 'appid' | 'stranger'>): string | undefined {
    const openPlatform = this.#openPlatforms.get(appid)
    return openPlatform === undefined ? undefined : identifier('unionid', openPlatform, person, stranger)
  }
}

/** 28 characters of base64url, the first an "o". */
function identifier(...words: readonly string[]): string {
  return `o${Buffer.from(derived(42, ...words), 'hex')
    .toString('base64url')
    .slice(0, 27)}`
}
