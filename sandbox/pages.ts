import type { Context } from 'koa'
import type { Locale } from '../src/base/languages.ts'
import { type Html, html, jsonBlock } from './demo/html.ts'
import type { OutboxEntry } from './outbox.ts'

/** Gives a sentence in the language of the visitor. */
export type Say = (key: string, params?: Readonly<Record<string, string | number>>) => string

/** What every page of the sandbox is drawn with. */
export interface Visit {
  readonly locale: Locale
  readonly say: Say
  readonly brand: string
  /** Path and query the language links lead to. */
  readonly path: string
}

interface Shown {
  readonly title: string
  /** File under /sandbox that runs on the page, and the data it gets. */
  readonly script: string
  readonly data?: object
  readonly head?: Html
  readonly wide?: boolean
  readonly body: Html
}

const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; form-action 'self'"

const languages = [
  { locale: 'zh-CN', label: '简体中文' },
  { locale: 'en', label: 'English' },
] as const

/**
 * Answers with a page as strict as those of the login: it has the same policy and is never cached. Browsers apply the
 * policy also to a redirect after a form, so a page says to which origin its forms may lead.
 */
export function answerPage(ctx: Context, page: Html, status = 200, leadsTo = ''): void {
  ctx.set('content-security-policy', `${contentSecurityPolicy} ${leadsTo}`.trimEnd())
  ctx.set('cache-control', 'no-store')
  ctx.set('x-frame-options', 'DENY')
  ctx.set('cross-origin-opener-policy', 'same-origin')
  ctx.vary('Accept')
  ctx.vary('Accept-Language')
  ctx.status = status
  ctx.type = 'html'
  ctx.body = page.text
}

/** A whole page that looks like the login pages. */
export function shell({ locale, say, brand, path }: Visit, { title, script, data, head, wide, body }: Shown): Html {
  const separator = path.includes('?') ? '&' : '?'
  return html`<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · ${brand}</title>
<link rel="icon" type="image/svg+xml" href="/assets/logo.svg">
<link rel="stylesheet" href="/assets/menshen.css">
<link rel="stylesheet" href="/assets/pages.css">
<link rel="stylesheet" href="/sandbox/demo.css">
${head}
<script type="module" src="/sandbox/${script}"></script>
</head>
<body class="demo${wide && ' wide'}">
<header class="masthead">
<p class="brand"><img src="/assets/logo.svg" alt="" width="36" height="36"> <bdi>${brand}</bdi></p>
<nav class="rooms" aria-label="${say('nav.label')}">
<ul>${rooms.map(
    ({ href, key }) =>
      html`<li><a href="${href}"${path.split('?')[0] === href && html` aria-current="page"`}>${say(key)}</a></li>`,
  )}</ul>
</nav>
</header>
${body}
<footer class="footer">
<nav aria-label="${say('nav.language')}">
<ul>${languages.map(
    (each) =>
      html`<li><a href="${path}${separator}lang=${each.locale}" lang="${each.locale}" hreflang="${each.locale}"${
        each.locale === locale && html` aria-current="true"`
      }>${each.label}</a></li>`,
  )}</ul>
</nav>
</footer>
${data && jsonBlock('page-data', data)}
</body>
</html>`
}

const rooms = [
  { href: '/sandbox', key: 'nav.demo' },
  { href: '/sandbox/native', key: 'nav.native' },
  { href: '/sandbox/outbox', key: 'nav.outbox' },
  { href: '/sandbox/device', key: 'nav.device' },
  { href: '/sandbox/clock', key: 'nav.clock' },
  { href: '/sandbox/oddities', key: 'nav.oddities' },
  { href: '/sandbox/brand', key: 'nav.brand' },
]

interface OutboxView {
  readonly entries: readonly OutboxEntry[]
  readonly to: string | undefined
}

/** The others are folded: of two hundred, the newest few are wanted. */
const openMessages = 20
const templates: readonly string[] = ['login_code', 'register_code', 'reset_code', 'bind_code']

/** The messages that would have been sent, newest first, with the code where it is easy to see and to tap. */
export function outboxPage(visit: Visit, { entries, to }: OutboxView): Html {
  const { say, locale, path } = visit
  const named = (template: string) => (templates.includes(template) ? say(`outbox.${template}`) : template)
  const messages = entries.map(
    ({ to, channel, template, otp, text, at }) => html`<li>
<p><strong><bdi>${to}</bdi></strong> <span class="tag">${say(`outbox.${channel}`)}</span></p>
${
  otp === ''
    ? html`<p class="told">${text}</p>`
    : html`<p class="otp-shown"><code>${otp}</code> <button class="plain" type="button" hidden data-copy="${otp}">${say('js.copy')}</button></p>`
}
<p class="hint">${named(template)} · <time datetime="${at}">${shownTime(locale, new Date(at))}</time></p>
</li>`,
  )
  const body = html`<main class="card">
<h1>${say('outbox.title')}</h1>
<p class="lead">${say('outbox.lead')}</p>
<form class="filter" method="get" action="/sandbox/outbox">
<div class="field">
<label for="f-to">${say('outbox.to')}</label>
<input id="f-to" name="to" type="text" value="${to}" autocomplete="off" spellcheck="false">
</div>
<button class="button secondary">${say('outbox.filter')}</button>
</form>
${entries.length === 0 && html`<p class="panel">${say(to === undefined ? 'outbox.empty' : 'outbox.none')}</p>`}
<ol class="messages">${messages.slice(0, openMessages)}</ol>
${
  messages.length > openMessages &&
  html`<details class="fold"><summary>${say('outbox.earlier', { number: messages.length - openMessages })}</summary>
<ol class="messages">${messages.slice(openMessages)}</ol></details>`
}
<p class="centre"><a href="${path}">${say('outbox.refresh')}</a></p>
<p class="hint">${say('outbox.special')}</p>
</main>`
  return shell(visit, {
    title: say('outbox.title'),
    script: 'outbox.js',
    data: { newest: entries[0]?.at ?? '', texts: { 'js.copied': say('js.copied') } },
    // With script, the page itself looks for new messages, and it does not change if there are none.
    head: html`<noscript><meta http-equiv="refresh" content="10"></noscript>`,
    body,
  })
}

interface ClockView {
  readonly now: Date
  readonly shift: string | undefined
  readonly isWrong: boolean
}

const steps = ['1m', '10m', '1h', '1d', '14d', '31d']

/** The time of this process and how to move it. */
export function clockPage(visit: Visit, { now, shift, isWrong }: ClockView): Html {
  const { say, locale } = visit
  const body = html`<main class="card">
<h1>${say('clock.title')}</h1>
<p class="lead">${say('clock.lead')}</p>
<p class="panel"><strong class="clock-now">${shownTime(locale, now)}</strong><br>${
    shift === undefined ? say('clock.unmoved') : say('clock.moved', { shift })
  }</p>
<form method="post" action="/sandbox/clock" novalidate>
<div class="chips">${steps.map(
    (step) => html`<button class="button secondary" name="advance" value="${step}">+${step}</button>`,
  )}</div>
</form>
<form method="post" action="/sandbox/clock" novalidate>
<div class="field">
<label for="f-advance">${say('clock.advance')}</label>
<input id="f-advance" name="advance" type="text" autocomplete="off" spellcheck="false" aria-describedby="f-advance-hint"${
    isWrong && html` aria-invalid="true" autofocus`
  }>
<p class="hint" id="f-advance-hint">${say(isWrong ? 'clock.wrong' : 'clock.hint')}</p>
</div>
<button class="button">${say('clock.submit')}</button>
</form>
<form method="post" action="/sandbox/clock">
<button class="button secondary" name="reset" value="1">${say('clock.reset')}</button>
</form>
<p class="warning">${say('clock.warning')}</p>
</main>`
  return shell(visit, { title: say('clock.title'), script: 'outbox.js', body })
}

function shownTime(locale: Locale, date: Date): string {
  const format = { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'Asia/Shanghai', hour12: false } as const
  return `${new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : locale, format).format(date)} UTC+8`
}
