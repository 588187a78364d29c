import { type IdentityId, isId } from '../../base/ids.ts'
import type { Payload } from '../library/stored-models.ts'
import type { ReadSessions } from './read-sessions.ts'
import type { RecordRow, SessionChange } from './records.ts'

/** Something a person had to have to get in: one of their identities, or the password. */
export type CameBy = IdentityId | 'password'

/** Where and how somebody signed in. It is stored with the grant or the session that the login made. */
export interface SignIn {
  readonly method: string
  /**
   * Everything this login was made with. SECURITY: when any of it is taken away, the login ends too. A login that is
   * older than this field does not say what it was made with, so it ends when anything is taken away.
   */
  readonly by: readonly CameBy[] | undefined
  /** When the login was finished, in milliseconds since the epoch. */
  readonly at: number
  readonly device?: string | undefined
  /** Of an app: thumbprint of the key of its installation; the next login there takes the place of this one. */
  readonly key?: string | undefined
  readonly ip: string
  /**
   * When the proof of this login began, in milliseconds since the epoch. If something has ended proofs since then, this
   * login no longer counts as fresh.
   */
  readonly begunAt?: number | undefined
  /** The same, as it was before a change let this login count from later. */
  readonly loginBegunAt?: number
  /** `id@version` of what was agreed to in an app, which is asked again before its tokens go on. */
  readonly agreements?: readonly string[]
  /** The same for a login on a page, where nobody is asked again but at a login. */
  readonly pageAgreements?: readonly string[] | undefined
}

/**
 * When the proof of a login began, as it is stored with its session or grant. If that does not say it, the answer is
 * the beginning of time.
 */
export function begunAtOf(about: string | null | undefined): number {
  return about ? ((JSON.parse(about) as Partial<SignIn>).begunAt ?? 0) : 0
}

/** When the proof of a login began, whatever it counts from now; undefined if what is stored does not say it. */
export function loginBegunAtOf(about: string | null | undefined): number | undefined {
  const { loginBegunAt, begunAt }: Partial<SignIn> = about ? JSON.parse(about) : {}
  return loginBegunAt ?? begunAt
}

/** The order matters: browsers that run inside another browser, or pretend to be one, come first. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/MicroMessenger\//, 'WeChat'],
  [/\bQQ\//, 'QQ'],
  [/Weibo/, 'Weibo'],
  [/AlipayClient\//, 'Alipay'],
  [/DingTalk/, 'DingTalk'],
  [/Lark\//, 'Lark'],
  [/MQQBrowser\//, 'QQ Browser'],
  [/Quark\//, 'Quark'],
  [/UC(?:Browser|WEB)/, 'UC'],
  [/MiuiBrowser\//, 'Mi Browser'],
  [/HuaweiBrowser\/|ArkWeb\//, 'Huawei Browser'],
  [/HeyTapBrowser\//, 'OPPO Browser'],
  [/VivoBrowser\//, 'vivo Browser'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Edg(?:A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrom(?:e|ium)\/|CriOS\//, 'Chrome'],
  [/Version\/[\d.]+ .*Safari\//, 'Safari'],
]

const systems: readonly (readonly [RegExp, string])[] = [
  [/OpenHarmony|HarmonyOS/, 'HarmonyOS'],
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Macintosh|Mac OS X/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
]

/** How many characters of the header are looked at. */
const longest = 500

/**
 * The name by which a person knows a browser, the same in every language: `Edge · Windows`. Undefined if the header
 * contains no name that we know.
 */
export function deviceName(userAgent: string): string | undefined {
  const said = userAgent.slice(0, longest)
  const named = [browsers, systems].flatMap((table) => table.find(([pattern]) => pattern.test(said))?.[1] ?? [])
  return named.length > 0 ? named.join(' · ') : undefined
}

/**
 * Completes rows on their way into the table: a grant says who signed in and where, as it was noted for the grant, or
 * else as its browser session says.
 */
export function withSignIns(
  rows: readonly RecordRow[],
  changed: Iterable<SessionChange>,
  read: ReadSessions,
  noted: ReadonlyMap<string, Partial<SignIn>>,
): readonly RecordRow[] {
  if (!rows.some(({ model }) => model === 'Grant')) return rows
  const saved = [...changed, ...rows.filter(({ model }) => model === 'Session')]
  const session = saved.find(({ about }) => about)?.about ?? read.about()
  return rows.map((row) => {
    if (row.model !== 'Grant') return row
    const own = noted.get(row.id)
    if (own) return { ...row, about: JSON.stringify({ ...(session && JSON.parse(session)), ...own }) }
    return session ? { ...row, about: session } : row
  })
}

/**
 * Who signed in and where, when somebody logs in to a session that was read. If the same person has logged in to it
 * more than once, the result names everything that these logins were made with.
 */
export function joinedSignIn(
  before: { readonly payload: Payload; readonly about: string | null | undefined },
  { about, payload }: { readonly about: string | undefined; readonly payload: Payload },
): string | undefined {
  if (!about || !before.about || before.payload['accountId'] !== payload['accountId']) return about
  const [old, now]: Partial<SignIn>[] = [JSON.parse(before.about), JSON.parse(about)]
  // If the older login does not say what it was made with, the joined one does not say it either.
  const { by: _, ...rest } = now as SignIn
  return JSON.stringify(old?.by ? { ...rest, by: [...new Set([...old.by, ...(now?.by ?? [])])] } : rest)
}

/** What a login was made with, as it is stored with its session or grant; undefined if that does not say it. */
export function cameByOf(about: string | undefined): SignIn['by'] {
  return about === undefined ? undefined : (JSON.parse(about) as Partial<SignIn>).by
}

/** What must still be there when a login is written. */
export interface LoginNeeds {
  readonly identities: readonly IdentityId[]
  /** Nothing may have ended the proof since this moment, in milliseconds since the epoch. */
  readonly unendedSince: number | undefined
}

/**
 * What the logins that a request writes were made with. It is read from what is stored with their sessions and from
 * what was noted for grants.
 */
export function neededBy(
  sessions: readonly { readonly about?: string | undefined }[],
  noted: Iterable<Partial<SignIn>>,
): LoginNeeds {
  const logins = [...sessions.flatMap(({ about }) => (about ? [JSON.parse(about) as Partial<SignIn>] : [])), ...noted]
  const moments = logins.flatMap(({ begunAt }) => begunAt ?? [])
  return {
    identities: [...new Set(logins.flatMap(({ by }) => by ?? []))].filter((each) => isId('idn', each)),
    unendedSince: moments.length > 0 ? Math.min(...moments) : undefined,
  }
}
