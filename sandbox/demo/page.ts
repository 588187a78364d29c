import { shell, type Visit } from '../pages.ts'
import { type Html, html } from './html.ts'

interface DemoView {
  readonly issuer: string
  readonly resource: string
  readonly backendSecret: string
  /** Whether the simulated vendors are there. */
  readonly hasUpstreams: boolean
  /** Sentences the script needs. */
  readonly texts: Readonly<Record<string, string>>
}

type OthersView = Pick<DemoView, 'issuer' | 'resource' | 'backendSecret'>
type DeviceView = Pick<DemoView, 'issuer' | 'resource' | 'texts'>

const scopes = ['openid', 'profile', 'phone', 'email', 'identities', 'offline_access', 'orders:read', 'orders:write']
const unticked: readonly string[] = ['email', 'identities', 'orders:write']
const acrs = ['urn:menshen:acr:possession', 'urn:menshen:acr:knowledge']

/** Names of the cards in order, each with the buttons it offers. */
const steps: readonly { readonly id: string; readonly buttons: readonly string[] }[] = [
  { id: 'discovery', buttons: [] },
  { id: 'prepare', buttons: [] },
  { id: 'authorize', buttons: [] },
  { id: 'callback', buttons: [] },
  { id: 'token', buttons: [] },
  { id: 'decode', buttons: [] },
  { id: 'userinfo', buttons: ['userinfo'] },
  { id: 'api', buttons: ['orders', 'wrong', 'admin'] },
  { id: 'refresh', buttons: ['refresh', 'two_tabs'] },
  { id: 'end', buttons: ['revoke', 'logout'] },
]

/** The demo client: a static page and a script, like a single-page app. It shows everything that it does. */
export function demoPage(visit: Visit, { issuer, resource, backendSecret, hasUpstreams, texts }: DemoView): Html {
  const { say } = visit
  const body = html`<main class="demo-main">
<div class="intro">
<h1>${say('demo.title')}</h1>
<p class="lead">${say('demo.lead')} <a href="/sandbox/outbox" target="_blank" rel="noopener">${say('demo.outbox')}</a></p>
<noscript><p class="warning">${say('demo.noscript')} <a href="/account">${say('demo.noscript_link')}</a></p></noscript>
<p id="summary" class="notice" role="status" hidden></p>
<div id="quick" hidden></div>
${settings(visit)}
</div>
<ol class="steps">${steps.map((step, index) => card(visit, step, index + 1))}</ol>
${hasUpstreams && upstreams(visit)}
${others(visit, { issuer, resource, backendSecret })}
</main>`
  const data = { issuer, resource, locale: visit.locale, texts }
  return shell(visit, { title: say('demo.title'), script: 'demo.js', data, wide: true, body })
}

function card({ say }: Visit, { id, buttons }: (typeof steps)[number], number: number): Html {
  return html`<li class="step" id="step-${id}" data-state="todo">
<div class="step-head"><span class="badge" aria-hidden="true">${number}</span><h2>${say(`step.${id}`)}</h2> <span class="step-state">${say('js.state.todo')}</span></div>
<p class="hint">${say(`step.${id}_about`)}</p>
${
  buttons.length > 0 &&
  html`<div class="actions" hidden>${buttons.map(
    (button) =>
      html`<button class="button secondary" type="button" data-action="${button}" disabled>${say(`action.${button}`)}</button>`,
  )}</div>`
}
<div class="step-body"></div>
</li>`
}

function settings({ say }: Visit): Html {
  return html`<details class="settings">
<summary>${say('settings.title')}</summary>
<form id="settings" autocomplete="off">
<div class="field"><label for="s-client">client_id</label>
<select id="s-client" name="client">
<option value="sandbox-demo">sandbox-demo · ${say('settings.first_party')}</option>
<option value="sandbox-third-party">sandbox-third-party · ${say('settings.third_party')}</option>
</select></div>
<fieldset><legend>scope</legend><div class="ticks">${scopes.map(
    (scope) =>
      html`<label><input type="checkbox" name="scope" value="${scope}"${!unticked.includes(scope) && html` checked`}${
        scope === 'openid' && html` disabled`
      }> ${scope}</label>`,
  )}</div></fieldset>
<div class="grid">
${choice('prompt', ['login', 'consent', 'none'], say('settings.none'))}
<div class="field"><label for="s-max_age">max_age</label><input id="s-max_age" name="max_age" type="text" inputmode="numeric" placeholder="${say('settings.seconds')}"></div>
${choice('acr_values', acrs, say('settings.none'))}
${choice('ui_locales', ['zh-CN', 'en'], say('settings.none'))}
</div>
<label class="tick-line"><input type="checkbox" name="par"> ${say('settings.par')}</label>
<p class="hint">${say('settings.hint')}</p>
</form>
</details>`
}

function choice(name: string, values: readonly string[], none: string): Html {
  return html`<div class="field"><label for="s-${name}">${name}</label>
<select id="s-${name}" name="${name}"><option value="">${none}</option>${values.map((value) => html`<option>${value}</option>`)}</select></div>`
}

/** The user agent of the browser inside WeChat on a phone. */
const insideWechat =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50'

function upstreams({ say }: Visit): Html {
  return html`<section class="others" aria-labelledby="upstreams">
<h2 id="upstreams">${say('upstreams.title')}</h2>
<div class="step"><h3>${say('upstreams.try')}</h3><p class="hint">${say('upstreams.try_about')} <a href="/account">${say('upstreams.try_link')}</a></p></div>
<div class="step"><h3>${say('upstreams.wechat')}</h3><p class="hint">${say('upstreams.wechat_about')}</p>
<pre class="code"><code>${insideWechat}</code></pre>
<p class="hint">${say('upstreams.wechat_how')}</p></div>
</section>`
}

function others({ say }: Visit, { issuer, resource, backendSecret }: OthersView): Html {
  const token = `curl -s ${issuer}/token \\\n  -u 'sandbox-backend:${backendSecret}' \\\n  -d grant_type=client_credentials \\\n  -d scope=orders:read`
  const call = `curl -s ${resource}/orders \\\n  -H "Authorization: Bearer $TOKEN"`
  return html`<section class="others" aria-labelledby="others">
<h2 id="others">${say('others.title')}</h2>
<div class="step"><h3>${say('others.backend')}</h3><p class="hint">${say('others.backend_about')}</p>
<pre class="code"><code>${token}</code></pre>
<pre class="code"><code>${call}</code></pre></div>
<div class="step"><h3>${say('others.third_party')}</h3><p class="hint">${say('others.third_party_about')}</p></div>
<div class="step"><h3>${say('others.deletion')}</h3><p class="hint">${say('others.deletion_about')} <a href="/account/deletion">${say('others.deletion_link')}</a></p></div>
<div class="step"><h3>${say('others.tv')}</h3><p class="hint">${say('others.tv_about')} <a href="/sandbox/device">${say('others.tv_link')}</a></p></div>
<div class="step"><h3>${say('others.native')}</h3><p class="hint">${say('others.native_about')} <a href="/sandbox/native">${say('others.native_link')}</a></p></div>
</section>`
}

/** The television: shows a code, waits until a person has entered it elsewhere. */
export function devicePage(visit: Visit, { issuer, resource, texts }: DeviceView): Html {
  const { say } = visit
  const body = html`<main class="card">
<h1>${say('device.title')}</h1>
<p class="lead">${say('device.lead')}</p>
<noscript><p class="warning">${say('demo.noscript')}</p></noscript>
<button class="button" type="button" id="start" disabled>${say('device.start')}</button>
<div id="screen"></div>
<div role="log" aria-label="${say('device.log')}"><ol class="log" id="log"></ol></div>
</main>`
  return shell(visit, { title: say('device.title'), script: 'device.js', data: { issuer, resource, texts }, body })
}
