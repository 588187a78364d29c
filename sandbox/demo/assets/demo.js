import { card, code, element, page, say } from './dom.js'
import { loginSteps } from './login.js'
import { load, readSettings, save, writeSettings } from './session.js'
import { tokenSteps } from './tokens.js'

const state = load()
const form = document.getElementById('settings')
const steps = loginSteps(state)

async function begin() {
  const { search, pathname } = location
  // A callback is read once: its address leaves the history, so that a reload does not present a dead code.
  history.replaceState(null, '', '/sandbox')
  settings()
  const metadata = await steps.discover()
  const isLogout = state.loggingOut !== undefined && new URLSearchParams(search).get('state') === state.loggingOut
  if (isLogout) forget()
  else if (pathname === '/sandbox/callback') await steps.takeCallback(search)
  await steps.prepare()
  steps.draw()
  if (isLogout) card('end').show('done', element('p', {}, say('end.logged_out')))
  if (state.accessToken !== undefined) tokenSteps(state, metadata, steps.stepUp).enable()
}

function settings() {
  if (state.settings === undefined) state.settings = readSettings(form)
  writeSettings(form, state.settings)
  form.addEventListener('submit', (event) => event.preventDefault())
  form.addEventListener('change', (event) => {
    const isThirdParty = form.elements.client.value === 'sandbox-third-party'
    // Only with the consent page does an app of somebody else get a refresh token: OIDC Core §11.
    if (event.target.name === 'client') form.elements.prompt.value = isThirdParty ? 'consent' : ''
    state.settings = readSettings(form)
    save(state)
    steps.draw()
  })
}

function forget() {
  for (const name of Object.keys(state)) if (name !== 'settings') delete state[name]
  save(state)
}

if (location.origin !== page.issuer) {
  // The session of this demo belongs to the issuer's address, and so do its cookies.
  location.replace(`${page.issuer}${location.pathname}${location.search}`)
} else {
  begin().catch((error) => card('discovery').show('failed', code(String(error))))
}
