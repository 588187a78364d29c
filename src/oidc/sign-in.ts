import type { ReadSessions } from './read-sessions.ts'
import type { RecordRow, SessionChange } from './records.ts'

/** Where and how somebody signed in, kept beside the grant or the session it made. */
export interface SignIn {
  readonly method: string
  readonly device?: string | undefined
  readonly ip: string
  /** `id@version` of what was agreed to. */
  readonly agreements?: readonly string[]
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

/** What a person knows a browser by, the same in every language: `Edge · Windows`. Undefined when it says nothing we know. */
export function deviceName(userAgent: string): string | undefined {
  const said = userAgent.slice(0, longest)
  const named = [browsers, systems].flatMap((table) => table.find(([pattern]) => pattern.test(said))?.[1] ?? [])
  return named.length > 0 ? named.join(' · ') : undefined
}

/** Rows on their way into the table: a grant says who signed in where, as noted for it, else as the browser session around it says. */
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
