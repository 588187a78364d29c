import { type Html, html } from '../demo/html.ts'
import { htmlReply, type WebReply } from './web-vendor.ts'

interface ConsentView {
  readonly vendor: string
  /** Who asks. */
  readonly app: string
  readonly people: readonly { readonly id: string; readonly label: string }[]
  /** The person marked at first; otherwise the first of all. */
  readonly chosen?: string | undefined
  /** What is asked for; each can be left out by the person when `canWithhold`. */
  readonly scopes: readonly string[]
  readonly canWithhold?: boolean
}

const style = html`body{font:16px/1.6 system-ui,"Noto Sans CJK SC",sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}
label{display:block;padding:.4rem 0}fieldset{margin:1rem 0}button{font:inherit;padding:.5rem 1.2rem;margin-right:.5rem}`

function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${style}</style></head>
<body>${body}</body>
</html>`.text
}

/** Who are you, and do you agree? The form goes back to the address it came from, with `person`, `decision` and `scope`. */
export function consentPage({ vendor, app, people, chosen, scopes, canWithhold = false }: ConsentView): WebReply {
  const marked = people.find(({ id }) => id === chosen) ?? people[0]
  const title = `${vendor} · 模拟登录 Simulated login`
  const body = html`<main><h1>${title}</h1>
<p><strong>${app}</strong> 请求使用你的账号登录。 wants to know who you are.</p>
<form method="post">
<fieldset><legend>账号 Account</legend>${people.map(
    (person) =>
      html`<label><input type="radio" name="person" value="${person.id}"${person === marked && html` checked`}> ${person.label}</label>`,
  )}</fieldset>
${
  scopes.length > 0 &&
  html`<fieldset><legend>权限 Access</legend>${scopes.map(
    (scope) =>
      html`<label><input type="checkbox" name="scope" value="${scope}" checked${!canWithhold && html` disabled`}> ${scope}</label>`,
  )}</fieldset>`
}
<button name="decision" value="accept">同意 Accept</button><button name="decision" value="refuse">拒绝 Refuse</button>
</form></main>`
  return htmlReply(200, page(title, body))
}

/** The vendor will not go on and does not trust the address it could send the browser back to. */
export function refusalPage(vendor: string, { status, code, reason }: Refused): WebReply {
  const body = html`<main><h1>${vendor}</h1><p><code>${code}</code></p><p>${reason}</p></main>`
  return htmlReply(status, page(`${vendor} · ${code}`, body))
}

/** Posts the fields to another site at once, or by its button where script does not run. */
export function postingPage(vendor: string, action: string, fields: Readonly<Record<string, string>>): WebReply {
  const body = html`<main><h1>${vendor}</h1>
<form method="post" action="${action}">
${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<button>继续 Continue</button>
</form></main><script>document.forms[0].submit()</script>`
  return htmlReply(200, page(vendor, body))
}

/** Why a vendor shows a page of its own and sends nobody back. */
export interface Refused {
  readonly status: number
  readonly code: string
  readonly reason: string
}

/** What a person answered on a consent page. */
export interface Answered {
  readonly person: string
  readonly isAccepted: boolean
  /** The scopes left checked. */
  readonly scopes: readonly string[]
}

/** Reads the form of `consentPage`; undefined when nobody was chosen or nothing was pressed. */
export function answerOf(body: string): Answered | undefined {
  const form = new URLSearchParams(body)
  const person = form.get('person')
  const decision = form.get('decision')
  if (person === null || (decision !== 'accept' && decision !== 'refuse')) return undefined
  return { person, isAccepted: decision === 'accept', scopes: form.getAll('scope') }
}
