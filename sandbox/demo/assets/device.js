import { checkAccessToken } from './checks.js'
import { checks, code, element, exchangeShown, page, say, title } from './dom.js'
import { curlForm, curlGet, getJson, postForm } from './protocol.js'

const clientId = 'sandbox-tv'
const screen = document.getElementById('screen')
const log = document.getElementById('log')
const button = document.getElementById('start')

function note(text) {
  log.prepend(element('li', {}, `${new Date().toLocaleTimeString()} ${text}`))
}

async function start() {
  button.disabled = true
  log.replaceChildren()
  const { body: metadata } = await getJson(`${page.issuer}/.well-known/openid-configuration`)
  const form = { client_id: clientId, scope: 'openid profile phone offline_access orders:read' }
  const url = metadata.device_authorization_endpoint
  const answer = await postForm(url, form)
  const asked = { curl: curlForm(url, form), ...answer }
  if (answer.status !== 200) return end(exchangeShown(asked))
  const { user_code, verification_uri, verification_uri_complete, interval } = answer.body
  const link = element(
    'a',
    { class: 'button', href: verification_uri_complete, target: '_blank', rel: 'noopener' },
    say('device.open'),
  )
  screen.replaceChildren(
    element('p', { class: 'centre' }, say('device.enter', { uri: verification_uri })),
    element('p', { class: 'user-code' }, user_code),
    link,
    element('p', { class: 'hint' }, say('device.qr')),
    exchangeShown(asked),
  )
  note(say('device.polling', { seconds: interval }))
  poll(metadata, answer.body, interval)
}

/** RFC 8628 §3.4: asks again and again, more slowly when told so. */
function poll(metadata, started, seconds) {
  setTimeout(async () => {
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: clientId,
      device_code: started.device_code,
    }
    const answer = await postForm(metadata.token_endpoint, form).catch(() => ({
      status: 0,
      body: { error: 'network' },
    }))
    if (answer.status === 200) {
      note('HTTP 200')
      return show(metadata, { curl: curlForm(metadata.token_endpoint, form), ...answer })
    }
    note(answer.body.error)
    if (answer.body.error === 'authorization_pending' || answer.body.error === 'network')
      return poll(metadata, started, seconds)
    if (answer.body.error === 'slow_down') return poll(metadata, started, seconds + 5)
    end(exchangeShown({ curl: curlForm(metadata.token_endpoint, form), ...answer }))
  }, seconds * 1000)
}

async function show(metadata, answer) {
  const { body: jwks } = await getJson(metadata.jwks_uri)
  const token = answer.body.access_token
  const { payload, checks: found } = await checkAccessToken(token, { jwks, clientId })
  const url = `${page.resource}/orders`
  end(
    element('p', { class: 'notice', role: 'status' }, say('device.done')),
    title('Access token'),
    checks(found),
    code(payload),
    title('orders'),
    exchangeShown({ curl: curlGet(url, token), ...(await getJson(url, token)) }),
  )
}

function end(...nodes) {
  screen.replaceChildren(...nodes)
  button.disabled = false
}

button.disabled = false
button.addEventListener('click', () => start().catch((error) => end(code(String(error)))))
