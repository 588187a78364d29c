import { type IdentityId, isId } from '../../base/ids.ts'
import type { Payload } from '../library/stored-models.ts'
import type { ReadSessions } from './read-sessions.ts'
import type { RecordRow, SessionChange } from './records.ts'

/** Something a person had to have to get in: one of their identities, or the password. */
export type CameBy = IdentityId | 'password'

/** Where and how somebody signed in, kept beside the grant or the session it made. */
export interface SignIn {
  readonly method: string
  /**
   * Everything this login was made with. SECURITY: whatever of it is taken away takes the login along. A login that is
   * older than this note does not say what it was made with, and ends with whatever is taken away.
   */
  readonly by: readonly CameBy[] | undefined
  /** When it was finished, in milliseconds since the epoch. */
  readonly at: number
  readonly device?: string | undefined
  readonly ip: string
  /**
   * When its proof began, in milliseconds since the epoch: what has ended proofs since makes it no fresh login any
   * more.
   */
  readonly begunAt?: number | undefined
  /** `id@version` of what was agreed to. */
  readonly agreements?: readonly string[]
}

/**
 * When the proof of a login began, as it stands beside its session or grant; the beginning of time where that does not
 * say it.
 */
export function begunAtOf(about: string | null | undefined): number {
  return about ? ((JSON.parse(about) as Partial<SignIn>).begunAt ?? 0) : 0
}

/** In this order: what runs inside another browser, or pretends to be one, is named first. */
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

/** As much of a header as is looked at. */
const longest = 500

/**
 * What a person knows a browser by, the same in every language: `Edge · Windows`. Undefined when it says nothing we
 * know.
 */
export function deviceName(userAgent: string): string | undefined {
  const said = userAgent.slice(0, longest)
  const named = [browsers, systems].flatMap((table) => table.find(([pattern]) => pattern.test(said))?.[1] ?? [])
  return named.length > 0 ? named.join(' · ') : undefined
}

/**
 * Rows on their way into the table: a grant says who signed in where, as noted for it, else as the browser session
 * around it says.
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
 * Who signed in where, when somebody logs in to a session that was read: whoever has logged in to it more than once
 * came by all of it.
 */
export function joinedSignIn(
  before: { readonly payload: Payload; readonly about: string | null | undefined },
  { about, payload }: { readonly about: string | undefined; readonly payload: Payload },
): string | undefined {
  if (!about || !before.about || before.payload['accountId'] !== payload['accountId']) return about
  const [old, now]: Partial<SignIn>[] = [JSON.parse(before.about), JSON.parse(about)]
  // What does not say what it came by goes on not saying it.
  const { by: _, ...rest } = now as SignIn
  return JSON.stringify(old?.by ? { ...rest, by: [...new Set([...old.by, ...(now?.by ?? [])])] } : rest)
}

/** What a login came by, as it stands beside its session or grant; undefined when that does not say it. */
export function cameByOf(about: string | undefined): SignIn['by'] {
  return about === undefined ? undefined : (JSON.parse(about) as Partial<SignIn>).by
}

/** What must still be there when a login is written. */
export interface LoginNeeds {
  readonly identities: readonly IdentityId[]
  /** Since when nothing may have ended what was proved, in milliseconds since the epoch. */
  readonly unendedSince: number | undefined
}

/**
 * What the logins that a request writes came by: what is written beside their sessions, and what was noted for grants.
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
