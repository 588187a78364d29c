import type { NextStep } from '../../interactions/native/answers.ts'
import type { Visit } from '../pages.ts'
import { type Html, html } from './html.ts'
import type { Change, DeletionFacts, OwnIdentity, OwnMerge } from './native-installations.ts'

const path = '/sandbox/native'
const named: readonly string[] = ['phone', 'email', 'username', 'wechat', 'qq', 'weibo', 'github', 'apple']

/** What a provider is called. */
export function providerName(say: Visit['say'], provider: string): string {
  const [kind = '', which] = provider.split(/:(.*)/s)
  if (!named.includes(kind)) return provider
  return [say(`native.provider_${kind}`), ...(which === undefined ? [] : [`(${which})`])].join(' ')
}

/** The ways in of whoever is signed in, what waits to replace one, and where one is added. */
export function identityList({ say }: Visit, identities: readonly OwnIdentity[]): Html {
  return html`<h3>${say('native.identities')}</h3>
<ul class="rows">${identities.map(({ id, provider, label, removable, changing }) => {
    const name = html`${providerName(say, provider)} <bdi>${label}</bdi>`
    const act = (action: string, text = say(`native.${action}`)) =>
      html`<form method="post" action="${path}"><input type="hidden" name="identity" value="${id}"><button class="plain" name="action" value="${action}">${text}<span class="visually-hidden"> ${name}</span></button></form>`
    return html`<li><div class="spread"><span>${name}</span>${
      (provider === 'phone' || provider === 'email') && !changing && act('change')
    }${removable ? act('remove') : html`<span class="hint">${say('native.last')}</span>`}</div>${
      changing &&
      html`<div class="spread"><span class="hint">${say('native.changing', { label: changing.label, at: changing.due_at })}</span>${act('stop_change')}</div>`
    }</li>`
  })}</ul>
<p><a href="${path}?purpose=bind">${say('native.bind')}</a></p>`
}

/** How another number or address is put in the place of one: with a code to the old one, or without it. */
export function changeForms({ say }: Visit, { identity, proving }: Change): Html {
  const { provider, label } = identity
  const form = (content: Html) =>
    html`<form method="post" action="${path}" novalidate><input type="hidden" name="action" value="go_on">${content}</form>`
  const names = { provider: providerName(say, provider), label }
  if (proving === 'old') {
    return html`<p>${say('native.change_about', names)}</p>${form(
      html`<div class="stack"><button class="button" name="choice" value="send_old">${say('native.send_code')}</button>
<button class="button secondary" name="choice" value="without_old">${say('native.choice_without_old')}</button></div>`,
    )}`
  }
  const isPhone = provider === 'phone'
  const input = isPhone
    ? html`<input id="f-new" name="phone" type="tel" autocomplete="tel">`
    : html`<input id="f-new" name="identifier" type="email" autocomplete="email">`
  return form(
    html`<div class="field"><label for="f-new">${say(isPhone ? 'native.new_phone' : 'native.new_email')}</label>${input}</div>
<button class="button">${say('native.send_code')}</button>`,
  )
}

/** The merges that may be taken back, and where another account is proved. */
export function mergeList({ say }: Visit, merges: readonly OwnMerge[]): Html {
  return html`<h3>${say('native.merges')}</h3>
${merges.length === 0 && html`<p class="hint">${say('native.merges_none')}</p>`}
<ul class="rows">${merges.map(
    ({ id, undo_until: at }) =>
      html`<li class="spread"><span>${say('native.merge_until', { at })}</span><form method="post" action="${path}"><input type="hidden" name="merge" value="${id}"><button class="plain" name="action" value="undo_merge">${say('native.undo_merge')}</button></form></li>`,
  )}</ul>
<p><a href="${path}?purpose=merge">${say('native.merge_start')}</a></p>`
}

/** Which of two accounts stays, and what of both: the fields of the step `merge`. */
export function mergeForm(say: Visit['say'], step: Extract<NextStep, { step: 'merge' }>): Html {
  const accounts = (name: string, label: string) =>
    html`<div class="field"><label for="f-${name}">${label}</label><select id="f-${name}" name="${name}">${step.accounts.map(
      ({ account, nickname, label: masked }) =>
        html`<option value="${account}"${account === step.into && html` selected`}>${nickname ?? ''} ${masked}</option>`,
    )}</select></div>`
  return html`${accounts('into', say('native.merge_into'))}${step.keep.map((name) =>
    accounts(name, say(`native.merge_${name}`)),
  )}${step.too_many.map(
    ({ provider, limit, identities }) =>
      html`<fieldset><legend>${say('native.merge_too_many', { provider: providerName(say, provider), limit })}</legend>${identities.map(
        ({ id, label }, index) =>
          html`<div class="check"><input id="f-${id}" type="checkbox" name="stays_${id}" value="on"${index < limit && html` checked`}><label for="f-${id}"><bdi>${label}</bdi></label></div>`,
      )}</fieldset>`,
  )}<button class="button" name="choice" value="merge">${say('native.choice_merge')}</button>`
}

const daySeconds = 86_400

/** What goes and when, and whether that is meant. */
export function deletionQuestion({ say }: Visit, { wait_seconds: seconds, apps }: DeletionFacts): Html {
  const names = apps.map(({ client_name: name }) => name).join(', ')
  return html`<p>${say('native.deletion_about', { days: Math.round(seconds / daySeconds), apps: names })}</p>
<form method="post" action="${path}"><div class="stack"><button class="button" name="action" value="ask_deletion">${say('native.ask_deletion')}</button>
<button class="button secondary" name="action" value="drop">${say('native.back')}</button></div></form>`
}
