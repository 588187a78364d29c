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
