import { challengeOf, random } from './protocol.js'

const key = 'menshen-demo'

/** Everything the demo knows, kept for this tab alone. A real app keeps as little as this: never in localStorage. */
export function load() {
  const stored = sessionStorage.getItem(key)
  return stored === null ? {} : JSON.parse(stored)
}

export function save(state) {
  sessionStorage.setItem(key, JSON.stringify(state))
}

/** Secrets of one authorization request, each used once. */
export async function newAttempt() {
  const verifier = random()
  return { verifier, challenge: await challengeOf(verifier), state: random(), nonce: random() }
}

/** The parameters of the authorization request, from what was made and what was ticked. */
export function authorizationRequest(attempt, settings, redirectUri) {
  const wanted = {
    client_id: settings.client,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: settings.scopes.join(' '),
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: attempt.challenge,
    code_challenge_method: 'S256',
    prompt: settings.prompt,
    max_age: settings.max_age,
    acr_values: settings.acr_values,
    ui_locales: settings.ui_locales,
  }
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== ''))
}

/** The form of the settings as data; a box that is always on counts although the form leaves it out. */
export function readSettings(form) {
  const value = (name) => form.elements[name].value.trim()
  return {
    client: value('client'),
    scopes: [...form.querySelectorAll('[name=scope]')].filter((box) => box.checked).map((box) => box.value),
    prompt: value('prompt'),
    max_age: value('max_age'),
    acr_values: value('acr_values'),
    ui_locales: value('ui_locales'),
    par: form.elements.par.checked,
  }
}

export function writeSettings(form, settings) {
  for (const name of ['client', 'prompt', 'max_age', 'acr_values', 'ui_locales'])
    form.elements[name].value = settings[name]
  for (const box of form.querySelectorAll('[name=scope]')) box.checked = settings.scopes.includes(box.value)
  form.elements.par.checked = settings.par
}
