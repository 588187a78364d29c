import { type Html, html } from '../demo/html.ts'
import { derived } from './issued.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'

/** Somebody who has an account at a vendor. */
export interface Person {
  readonly id: string
  readonly name: string
  /** This is what the vendor hands out; without it the vendor's answers carry empty text. */
  readonly avatar?: string
}

/** What all pages of one vendor share. */
export interface VendorLook {
  readonly names: Readonly<Record<Language, string>>
  readonly color: string
}

type Language = 'zh-CN' | 'en'

interface Asked {
  readonly look: VendorLook
  readonly app: string
  readonly scope: string
  readonly people: readonly Person[]
  /** This person is marked at first; if it is absent, the first of all is. */
  readonly signedIn?: string
  /** Shows a picture of a QR code above the form. */
  readonly isQr?: boolean
  /** Whether it is made to be a part of a page of the app. */
  readonly isPart?: boolean
}

interface Refused {
  readonly look: VendorLook
  /** It is the vendor's code, or a word of ours if the vendor's page shows none. */
  readonly code: string
  readonly reason: Readonly<Record<Language, string>>
}

/** What a person answered: the id of who accepted, or a refusal. */
export type Decision = { readonly kind: 'accept'; readonly person: string } | { readonly kind: 'refuse' }

/** Who are you, and do you agree? The form posts `person` and `decision` back to the address the page came from. */
export function consentPage(
  request: ReceivedRequest,
  { look, app, scope, people, signedIn, isQr, isPart }: Asked,
): Answer {
  const language = languageOf(request)
  const { title, asks, who, scan, accept, refuse } = texts[language]
  const vendor = look.names[language]
  const marked = people.find(({ id }) => id === signedIn) ?? people[0]
  const body = html`<h1>${title(vendor)}</h1>
<p>${asks(app, vendor)} <small>scope: ${scope || '-'}</small></p>
${isQr === true && html`<p>${qrPicture(`${request.path} ${request.rawQuery}`)}</p><p>${scan}</p>`}
<form method="post" action="${request.path}?${request.rawQuery}">
<fieldset><legend>${who}</legend>${people.map(
    (person) =>
      html`<label><input type="radio" name="person" value="${person.id}"${person === marked && html` checked`}> ${person.name} <small>${person.id}</small></label>`,
  )}</fieldset>
<button class="yes" name="decision" value="accept">${accept}</button> <button name="decision" value="refuse">${refuse}</button>
</form>`
  const policy = isPart ? "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'" : ownWindow
  return htmlAnswer(200, page({ language, title: title(vendor), color: look.color, body }), policy)
}

/** The vendor goes no further and sends nobody back. */
export function refusalPage(request: ReceivedRequest, { look, code, reason }: Refused): Answer {
  const language = languageOf(request)
  const title = texts[language].title(look.names[language])
  const body = html`<h1>${title}</h1><p role="alert">${reason[language]}</p><p><small><code>${code}</code></small></p>`
  return htmlAnswer(400, page({ language, title, color: look.color, body }))
}

/** Another page of a vendor, in Chinese whatever the browser asks for. */
export function chinesePage({
  status,
  ...shown
}: {
  status: number
  title: string
  color: string
  body: Html
}): Answer {
  return htmlAnswer(status, page({ language: 'zh-CN', ...shown }))
}

/** Reads the form of `consentPage`; undefined when nothing was pressed or the person is nobody of these. */
export function decisionOf(request: ReceivedRequest, people: readonly Person[]): Decision | undefined {
  const form = new URLSearchParams(request.body)
  if (form.get('decision') === 'refuse') return { kind: 'refuse' }
  const person = form.get('person')
  if (form.get('decision') !== 'accept' || !people.some(({ id }) => id === person)) return undefined
  return { kind: 'accept', person: String(person) }
}

/** Sends the browser back to the app, adding the parameters that have a value to whatever the address has already. */
export function backToApp(redirectUri: string, params: Readonly<Record<string, string | undefined>>): Answer {
  const location = new URL(redirectUri)
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined) location.searchParams.append(name, value)
  }
  return { status: 302, body: '', headers: { location: location.href, 'cache-control': 'no-store' } }
}

/** The same from a page that is a part of the app's: it leads the whole window, and not the part, to the app. */
export function topToApp(redirectUri: string, params: Readonly<Record<string, string | undefined>>): Answer {
  const { headers } = backToApp(redirectUri, params)
  const to = JSON.stringify(headers?.['location'] ?? '').replaceAll('<', '\\u003c')
  const body = `<!doctype html><meta charset="utf-8"><title>…</title><script>window.top.location.href=${to}</script>`
  return htmlAnswer(200, body, "default-src 'none'; script-src 'unsafe-inline'")
}

/** The same address gets the same picture; it leads nowhere. */
function qrPicture(seed: string): Html {
  const size = 21
  const bits = BigInt(`0x${derived(64, seed)}${derived(64, seed, '2')}`)
  const corners = [[0, 0] as const, [size - 7, 0] as const, [0, size - 7] as const]
  const isDark = (x: number, y: number) => {
    const corner = corners.find(([left, top]) => x >= left - 1 && x <= left + 7 && y >= top - 1 && y <= top + 7)
    if (corner === undefined) return ((bits >> BigInt((x * size + y) % 509)) & 1n) === 1n
    const ring = Math.max(Math.abs(x - corner[0] - 3), Math.abs(y - corner[1] - 3))
    return ring === 3 || ring <= 1
  }
  const cells = Array.from({ length: size * size }, (_, index) => [index % size, Math.floor(index / size)] as const)
  const path = cells.map(([x, y]) => (isDark(x, y) ? `M${x} ${y}h1v1h-1z` : '')).join('')
  return html`<svg class="qr" viewBox="-2 -2 25 25" width="180" height="180" role="img" aria-label="QR"><path d="${path}"/></svg>`
}

function page(shown: { language: Language; title: string; color: string; body: Html }): string {
  return html`<!doctype html>
<html lang="${shown.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${shown.title}</title>
<link rel="icon" href="data:,">
<style>
body{font:16px/1.6 system-ui,"Noto Sans CJK SC",sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem;border-top:6px solid ${shown.color};overflow-wrap:anywhere}
h1{font-size:1.3rem}label{display:block;padding:.3rem 0}fieldset{margin:1rem 0}small{opacity:.75}
button{font:inherit;min-height:44px;padding:.4rem 1.4rem}.yes{font-weight:bold}.qr{background:#fff;display:block;margin:auto}
.phone{font-size:1.9rem;letter-spacing:.05em;text-align:center;margin:2rem 0 0}.by{text-align:center;margin:0 0 2rem}.wide{width:100%;margin:.4rem 0}
.tick{display:flex;gap:.6rem;align-items:start}.tick input{flex:none;width:1.3rem;height:1.3rem;margin:.15rem 0}
</style>
</head>
<body><main>
${shown.body}
<p><small>${texts[shown.language].notice}</small></p>
</main></body>
</html>`.text
}

const ownWindow =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"

function htmlAnswer(status: number, body: string, policy = ownWindow): Answer {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': policy,
  }
  return { status, body, headers }
}

/** Takes what the address asks for, or else the browser's first wish. */
function languageOf({ rawQuery, headers }: ReceivedRequest): Language {
  const query = new URLSearchParams(rawQuery)
  const wished = query.get('lang') ?? query.get('language') ?? headers['accept-language'] ?? ''
  return wished.toLowerCase().startsWith('en') ? 'en' : 'zh-CN'
}

const texts = {
  'zh-CN': {
    title: (vendor: string) => `${vendor}登录（模拟）`,
    asks: (app: string, vendor: string) => `「${app}」请求使用你的${vendor}账号登录。`,
    who: '你是谁',
    scan: '这里本应由手机扫码；请直接选择扫码的人。',
    accept: '同意',
    refuse: '拒绝',
    notice: '这是本机的模拟页面，不会连接任何外部网站。',
  },
  en: {
    title: (vendor: string) => `${vendor} login (simulated)`,
    asks: (app: string, vendor: string) => `"${app}" asks to log you in with your ${vendor} account.`,
    who: 'Who are you?',
    scan: 'A phone would scan this. Choose who does.',
    accept: 'Accept',
    refuse: 'Refuse',
    notice: 'A simulation on this machine. It contacts no other site.',
  },
} as const
