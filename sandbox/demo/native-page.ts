import { jwtClaims } from '../../clients/native/encoding.ts'
import type { Challenge } from '../../clients/native/types.ts'
import type { NextStep } from '../../interactions/native/answers.ts'
import { step as stepSchema } from '../../interactions/native/answers.ts'
import { documentVersion } from '../../src/base/document.ts'
import { shell, type Visit } from '../pages.ts'
import { upstreamPeople } from '../people.ts'
import { carrierOf } from '../simulators/carrier.ts'
import { type Html, html } from './html.ts'
import { changeForms, deletionQuestion, identityList, mergeForm, mergeList, providerName } from './native-account.ts'
import type { Exchange } from './native-exchanges.ts'
import type { Change, DeletionFacts, OwnIdentity, OwnMerge, Purpose } from './native-installations.ts'

/** A way to log in, as the app offers it: what its screen asks for before the request. */
interface Way {
  readonly id: string
  readonly method: string
  readonly asks: 'phone' | 'password' | 'sim' | 'person'
}

/** The ways in that the demo app offers. */
export const ways: readonly Way[] = [
  { id: 'sms', method: 'sms', asks: 'phone' },
  { id: 'univerify', method: 'one_tap', asks: 'sim' },
  { id: 'aliyun', method: 'one_tap', asks: 'sim' },
  { id: 'wechat_mini_program_phone', method: 'wechat_mini_program', asks: 'person' },
  { id: 'wechat_mini_program', method: 'wechat_mini_program', asks: 'person' },
  { id: 'wechat_app', method: 'wechat_app', asks: 'person' },
  { id: 'qq_app', method: 'qq_app', asks: 'person' },
  { id: 'weibo_app', method: 'weibo_app', asks: 'person' },
  { id: 'apple', method: 'apple', asks: 'person' },
  { id: 'password', method: 'password', asks: 'password' },
]

/** What the page of the demo app shows. */
export interface NativeView {
  /** Why something is missing: the vendors cannot be reached, or this page itself cannot be used. */
  readonly lacks?: 'vendors' | 'page' | undefined
  readonly way: string
  readonly purpose: Purpose
  /** Whether steps of that purpose, which is no login, have been taken. */
  readonly isUnderWay: boolean
  readonly agreements: readonly { readonly id: string; readonly url: string; readonly title: string }[]
  readonly challenge: Challenge | undefined
  readonly challengedSecondsAgo: number
  readonly signedIn: { readonly accessToken: string; readonly claims: object } | undefined
  readonly identities: readonly OwnIdentity[] | undefined
  readonly merges: readonly OwnMerge[] | undefined
  readonly change: Change | undefined
  readonly deletion: DeletionFacts | undefined
  readonly notice: string | undefined
  readonly exchanges: readonly Exchange[]
}

const path = '/sandbox/native'
/** An app on a phone: its screen, and below it every request it has sent. It works without script. */
export function nativePage(visit: Visit, view: NativeView): Html {
  const { say } = visit
  const body = html`<main class="demo-main">
<div class="intro">
<h1>${say('native.title')}</h1>
<p class="lead">${say('native.lead')}</p>
${view.lacks && html`<p class="warning">${say(`native.lacks_${view.lacks}`)}</p>`}
</div>
${view.lacks !== 'page' && html`${screen(visit, view)}${view.signedIn && tokens(visit, view.signedIn)}${log(visit, view)}`}
</main>`
  const head = html`<script src="/assets/menshen.js" defer></script>`
  return shell(visit, { title: say('native.title'), script: 'outbox.js', head, wide: true, body })
}

function screen(visit: Visit, view: NativeView): Html {
  const { say } = visit
  const { challenge, notice, signedIn } = view
  const parsed = stepSchema.safeParse(challenge)
  const step = parsed.success ? parsed.data : undefined
  // A refusal has a text for people, but documents, a captcha and a login that is too old explain themselves.
  const isNext = view.change !== undefined && challenge?.['proving'] !== undefined && !challenge.message_key
  const explains = step?.step === 'agreement' || step?.step === 'captcha' || wantsFreshLogin(challenge) || isNext
  const message = explains ? undefined : (challenge?.message ?? (challenge && !step ? challenge.error : undefined))
  return html`<section class="step screen" aria-labelledby="screen">
<h2 id="screen">${say(signedIn && !challenge ? 'native.screen_in' : 'native.screen')}</h2>
${message && html`<p class="alert" role="alert">${message}</p>`}
${notice && html`<p class="notice" role="status">${say(notice)}</p>`}
${content(visit, view, step)}
</section>`
}

function content(visit: Visit, view: NativeView, step: NextStep | undefined): Html {
  const { challenge, signedIn } = view
  if (step && step.step !== 'login' && step.step !== 'bind_phone')
    return stepScreen(visit, step, view.challengedSecondsAgo)
  if (view.change) return html`${changeForms(visit, view.change)}${dropForm(visit, true)}`
  const asked = step && 'methods' in step ? step.methods.map(({ method }) => method) : undefined
  const wantsLogin = challenge !== undefined && !view.isUnderWay
  if (signedIn && view.deletion && !wantsFreshLogin(challenge)) return deletionQuestion(visit, view.deletion)
  if (signedIn && !wantsLogin && view.purpose === 'login') return home(visit, view)
  const about =
    view.purpose === 'merge'
      ? 'native.merge_about'
      : step
        ? `native.step_${step.step}`
        : wantsFreshLogin(challenge)
          ? 'native.step_login'
          : undefined
  return html`${about && html`<p>${visit.say(about)}</p>`}${choice(visit, view, asked)}${
    challenge || signedIn ? dropForm(visit, signedIn !== undefined) : undefined
  }`
}

function wantsFreshLogin(challenge: Challenge | undefined): boolean {
  return challenge?.error === 'insufficient_user_authentication'
}

function choice(visit: Visit, view: NativeView, asked: readonly string[] | undefined): Html {
  const { say } = visit
  const offered = ways.filter(({ id, method, asks }) => {
    if (view.lacks && asks !== 'phone' && asks !== 'password') return false
    return asked ? asked.includes(method) : view.purpose !== 'bind' || id !== 'password'
  })
  const way = offered.find(({ id }) => id === view.way) ?? offered[0]
  if (!way) return html`<p>${say('native.no_way')}</p>`
  const query = (id: string) => `${path}?${new URLSearchParams({ way: id, purpose: view.purpose })}`
  return html`<nav class="ways" aria-label="${say('native.ways')}"><ul>${offered.map(
    ({ id }) =>
      html`<li><a href="${query(id)}"${id === way.id && html` aria-current="true"`}>${say(`native.way_${id}`)}</a></li>`,
  )}</ul></nav>
<form method="post" action="${path}" novalidate>
<input type="hidden" name="action" value="begin"><input type="hidden" name="way" value="${way.id}"><input type="hidden" name="purpose" value="${view.purpose}">
${typeof view.challenge?.['max_age'] === 'number' && html`<input type="hidden" name="max_age" value="${view.challenge['max_age']}">`}
<p class="hint">${say(`native.about_${way.id}`)}</p>
${fields(visit, way)}
${view.purpose === 'login' && agreementTick(visit, view)}
<button class="button">${say(`native.${buttonOf(view.purpose, way)}`)}</button>
</form>`
}

function buttonOf(purpose: Purpose, { asks }: Way): string {
  if (purpose === 'bind') return 'add'
  if (asks === 'phone') return 'send_code'
  return purpose === 'merge' ? 'prove' : 'log_in'
}

function fields({ say }: Visit, { asks }: Way): Html {
  if (asks === 'phone') {
    return html`<div class="field"><label for="f-phone">${say('native.phone')}</label><input id="f-phone" name="phone" type="tel" autocomplete="tel" value="13800138000"></div>`
  }
  if (asks === 'password') {
    return html`<div class="field"><label for="f-identifier">${say('native.identifier')}</label><input id="f-identifier" name="identifier" type="text" autocomplete="username" spellcheck="false"></div>
<div class="field"><label for="f-password">${say('native.password')}</label><input id="f-password" name="password" type="password" autocomplete="current-password"></div>`
  }
  return html`<div class="field"><label for="f-person">${say(asks === 'sim' ? 'native.sim' : 'native.person')}</label><select id="f-person" name="person">${upstreamPeople.map(
    ({ id, name, phone }) =>
      html`<option value="${id}">${name} · ${phone.slice(3)}${asks === 'sim' && ` · ${say(`native.carrier_${carrierOf(phone.slice(3)) ?? 'mobile'}`)}`}</option>`,
  )}</select></div>`
}

function agreementTick({ say }: Visit, { agreements }: NativeView): Html | undefined {
  if (agreements.length === 0) return undefined
  const links = agreements.map(({ url, title }) => html` <a href="${url}" target="_blank" rel="noopener">${title}</a>`)
  return html`<div class="check"><input id="f-agree" type="checkbox" name="agree"><label for="f-agree">${say('native.agree')}${links}</label></div>`
}

type ShownStep = Exclude<NextStep, { step: 'login' | 'bind_phone' }>

function stepScreen({ say }: Visit, step: ShownStep, secondsAgo: number): Html {
  const about = (params?: Readonly<Record<string, string | number>>, key: string = step.step) =>
    html`<p>${say(`native.step_${key}`, params)}</p>`
  const form = (content: Html) =>
    html`<form method="post" action="${path}" novalidate><input type="hidden" name="action" value="go_on">${content}</form>`
  const options = (names: readonly string[], usual?: string) =>
    form(
      html`<div class="stack">${names.map(
        (name) =>
          html`<button class="button${name !== usual && ' secondary'}" name="choice" value="${name}">${say(`native.choice_${name}`)}</button>`,
      )}</div>`,
    )
  const named = ({ label, nickname }: { readonly label: string; readonly nickname?: string | undefined }) =>
    nickname === undefined ? label : `${nickname} (${label})`
  switch (step.step) {
    case 'otp':
      return html`${about({ masked: step.masked })}
${form(html`<div class="field"><label for="f-otp">${say('native.otp')}</label><input class="otp" id="f-otp" name="otp" type="text" inputmode="numeric" autocomplete="one-time-code" aria-describedby="f-otp-hint"><p class="hint" id="f-otp-hint"><a href="/sandbox/outbox" target="_blank" rel="noopener">${say('demo.outbox')}</a></p></div>
<button class="button">${say('native.go_on')}</button>`)}
${form(resend(say, Math.max(0, step.resend_after - secondsAgo)))}
${back(say)}`
    case 'captcha':
      return html`${about({ provider: step.provider })}${form(
        html`<div class="field"><label for="f-captcha">captcha_token</label><input id="f-captcha" name="captcha_token" type="text"></div><button class="button">${say('native.go_on')}</button>`,
      )}${back(say)}`
    case 'agreement':
      return html`${about()}<ul>${step.agreements.map(
        ({ url, title, id, version }) =>
          html`<li><a href="${url}" target="_blank" rel="noopener">${title}</a> <code>${documentVersion({ id, version })}</code></li>`,
      )}</ul>${form(html`<button class="button" name="agreed" value="1">${say('native.agreed')}</button>`)}${back(say)}`
    case 'choose':
      return html`${about({ provider: providerName(say, step.provider), nickname: step.nickname ?? '' })}${options(step.options)}${back(say)}`
    case 'conflict':
      if (step.accounts.length === 0) return html`${about({}, 'unsure')}${options(step.options)}${back(say)}`
      return html`${about({ accounts: step.accounts.map(({ label }) => label).join(', ') })}${options(step.options)}${back(say)}`
    case 'confirm_owner':
      return html`${about({ name: step.account.name ?? '', year: step.account.year })}${options(step.options)}${back(say)}`
    case 'choose_account':
      return html`${about({ provider: providerName(say, step.provider) })}${form(
        html`<input type="hidden" name="choice" value="account"><div class="stack">${step.accounts.map(
          (each) =>
            html`<button class="button secondary" name="account" value="${each.account}">${named(each)}</button>`,
        )}</div>`,
      )}${step.options.includes('one_account') && options(['one_account'])}${back(say)}`
    case 'merge':
      return html`${about({ accounts: step.accounts.map(named).join(', ') })}${form(mergeForm(say, step))}${options(['apart'])}${back(say)}`
    case 'leaving':
      return html`${about({ account: named(step.account), at: step.deletion_at })}${options(step.options, 'keep_deletion')}${back(say)}`
    case 'bind_identity': {
      const { identity, account } = step
      const names = {
        provider: providerName(say, identity.provider),
        identity: named(identity),
        account: named(account),
      }
      return html`${about(names)}${options(step.options, 'without_binding')}${back(say)}`
    }
  }
}

/** A button that waits: it counts down where the script of the login pages runs, and says how long without it. */
function resend(say: Visit['say'], seconds: number): Html {
  const button = html`<button class="button secondary" id="resend" name="resend" value="1">${say('native.resend')}</button>`
  if (seconds === 0) return button
  const tick = say('native.resend_tick', { seconds: '{s}' })
  return html`${button}<div class="wait" data-wait="${seconds}" data-wait-button="resend" data-wait-tick="${tick}" data-wait-done="${say('native.resend_done')}">
<p class="hint" data-wait-text>${say('native.resend_tick', { seconds })}</p><p class="visually-hidden" role="status" data-wait-live></p></div>`
}

const back = (say: Visit['say']): Html =>
  html`<form method="post" action="${path}"><button class="plain" name="action" value="drop">${say('native.other_way')}</button></form>`

function dropForm({ say }: Visit, isSignedIn: boolean): Html {
  return html`<form method="post" action="${path}"><button class="plain" name="action" value="drop">${say(isSignedIn ? 'native.back' : 'native.start_over')}</button></form>`
}

function home(visit: Visit, { identities, merges }: NativeView): Html {
  const actions = ['identities', 'merges', 'refresh', 'orders', 'step_up', 'deletion', 'logout']
  return html`${identities && identityList(visit, identities)}${merges && mergeList(visit, merges)}
<form method="post" action="${path}"><div class="stack">${actions.map(
    (action) =>
      html`<button class="button secondary" name="action" value="${action}">${visit.say(`native.action_${action}`)}</button>`,
  )}</div></form>
<p><a href="/account/data" target="_blank" rel="noopener">${visit.say('native.action_own_data')}</a></p>`
}

function tokens({ say }: Visit, { accessToken, claims }: NonNullable<NativeView['signedIn']>): Html {
  const decoded = accessToken.split('.').length === 3 ? jwtClaims(accessToken) : accessToken
  return html`<section class="step" aria-labelledby="tokens">
<h2 id="tokens">${say('native.tokens')}</h2>
<p class="hint">${say('native.tokens_about')}</p>
<h3>ID token</h3><pre class="code"><code>${JSON.stringify(claims, null, 2)}</code></pre>
<h3>Access token</h3><pre class="code"><code>${JSON.stringify(decoded, null, 2)}</code></pre>
</section>`
}

/** The other exchanges are folded, because on a phone a few of them fill many screens. */
const openExchanges = 4

function log({ say }: Visit, { exchanges }: NativeView): Html {
  const shown = exchanges.map(
    ({ request, headers, form, status, answer }, index) => html`<li class="step">
<div class="step-head"><span class="badge" aria-hidden="true">${exchanges.length - index}</span><h3>${request}</h3> <span class="status" data-ok="${String(status < 500)}">HTTP ${status}</span></div>
<p class="hint">${say('native.request')}</p>
<pre class="code"><code>${[...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), ...(form.length > 0 ? [''] : []), ...form.map(([name, value]) => `${name}=${value}`)].join('\n')}</code></pre>
${answer !== '' && html`<p class="hint">${say('native.answer')}</p><pre class="code"><code>${answer}</code></pre>`}
</li>`,
  )
  return html`<section class="others" aria-labelledby="log">
<h2 id="log">${say('native.log')}</h2>
<p class="hint">${say(exchanges.length === 0 ? 'native.log_empty' : 'native.log_about')}</p>
<ol class="steps" reversed>${shown.slice(0, openExchanges)}</ol>
${
  shown.length > openExchanges &&
  html`<details class="fold"><summary>${say('native.log_earlier', { number: shown.length - openExchanges })}</summary>
<ol class="steps" reversed>${shown.slice(openExchanges)}</ol></details>`
}
</section>`
}
