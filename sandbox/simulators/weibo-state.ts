import type { Clock } from '../../src/base/clock.ts'
import type { Person } from './consent-page.ts'
import { derived, Issued } from './issued.ts'

/** Somebody with a Weibo account. */
export interface WeiboPerson extends Person {
  /** It consists of digits. If it is absent, it is above 2^53, which a JSON parser of doubles gets wrong. */
  readonly uid?: string
}

/** An app of the open platform. An app of somebody else is just another one. */
export interface WeiboApp {
  /** Digits. */
  readonly appKey: string
  readonly appSecret: string
  /** This is what its consent page calls it. */
  readonly name?: string
  /** It is compared as a whole. An app without one has no page. */
  readonly redirectUris?: readonly string[]
  /** Ids of the only people who can use an app before its review, whose tokens last a day. */
  readonly testers?: readonly string[]
}

/** What a code or token stands for. */
export interface WeiboGrant {
  readonly appKey: string
  readonly person: string
  readonly scope: string
  /** It is empty for a token of the SDK. */
  readonly redirectUri: string
}

/** An access token that Weibo has given out. */
export interface WeiboToken extends WeiboGrant {
  /** Seconds since the epoch. */
  readonly createdAt: number
}

const codeSeconds = 600
const daySeconds = 86_400

/** Who and what there is at Weibo, and everything handed out. */
export class WeiboState {
  readonly apps: ReadonlyMap<string, WeiboApp>
  readonly people: readonly WeiboPerson[]
  /** How get_token_info writes uid and appkey. */
  idsAs: 'number' | 'string' = 'number'
  readonly codes: Issued<WeiboGrant>
  readonly #clock: Clock
  readonly #reviewed: Issued<WeiboToken>
  readonly #unreviewed: Issued<WeiboToken>

  constructor({ clock, apps, people }: { clock: Clock; apps: readonly WeiboApp[]; people: readonly WeiboPerson[] }) {
    this.#clock = clock
    this.apps = new Map(apps.map((app) => [app.appKey, app]))
    this.people = people
    this.codes = new Issued({ clock, kind: 'weibo code', ttlSeconds: codeSeconds })
    this.#reviewed = new Issued({ clock, kind: 'weibo access', ttlSeconds: 30 * daySeconds })
    this.#unreviewed = new Issued({ clock, kind: 'weibo test access', ttlSeconds: daySeconds })
  }

  app(appKey: string): WeiboApp {
    const app = this.apps.get(appKey)
    if (app === undefined) throw new Error(`no app ${appKey}`)
    return app
  }

  person(id: string): WeiboPerson {
    const person = this.people.find((each) => each.id === id)
    if (person === undefined) throw new Error(`nobody is called ${id}`)
    return person
  }

  /** A person has the same one in every app. */
  uid(personId: string): string {
    const { id, uid } = this.person(personId)
    return uid ?? String(2n ** 53n + 1n + 2n * BigInt(`0x${derived(10, 'weibo uid', id)}`))
  }

  personOfUid(uid: string): WeiboPerson | undefined {
    return this.people.find(({ id }) => this.uid(id) === uid)
  }

  /** What a code is exchanged for. */
  issueToken(grant: WeiboGrant) {
    const isReviewed = this.app(grant.appKey).testers === undefined
    const createdAt = Math.floor(this.#clock() / 1000)
    const seconds = isReviewed ? 30 * daySeconds : daySeconds
    return {
      access_token: (isReviewed ? this.#reviewed : this.#unreviewed).issue({ ...grant, createdAt }),
      remind_in: String(seconds),
      expires_in: seconds,
      uid: this.uid(grant.person),
    }
  }

  findToken(accessToken: string) {
    return this.#reviewed.find(accessToken) ?? this.#unreviewed.find(accessToken)
  }

  revoke(accessToken: string): void {
    this.#reviewed.use(accessToken)
    this.#unreviewed.use(accessToken)
  }
}
