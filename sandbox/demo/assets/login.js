import { checkAccessToken, checkIdToken } from './checks.js'
import { card, checks, code, copyable, element, exchangeShown, facts, folded, page, say, title } from './dom.js'
import { curlForm, getJson, postForm } from './protocol.js'
import { authorizationRequest, newAttempt, save } from './session.js'

const redirectUri = `${page.issuer}/sandbox/callback`

/**
 * Steps 1 to 6: from discovery to tokens that have been looked at. Each reads the state, adds to it and draws its card.
 */
export function loginSteps(state) {
  let metadata

  async function discover() {
    const url = `${page.issuer}/.well-known/openid-configuration`
    const { status, body } = await getJson(url)
    metadata = body
    const same = body.issuer === page.issuer
    card('discovery').show(
      status === 200 && same ? 'done' : 'failed',
      copyable(url, `GET ${url}`),
      checks([{ ok: same, text: say('check.issuer', { issuer: page.issuer }) }]),
      folded(say('show_answer'), code(body)),
    )
    return metadata
  }

  async function prepare() {
    state.attempt ??= await newAttempt()
    save(state)
    const { verifier, challenge, state: sent, nonce } = state.attempt
    card('prepare').show('done', facts({ code_verifier: verifier, code_challenge: challenge, state: sent, nonce }))
  }

  /** The request as it would leave now; after the login, as it left. */
  function authorize() {
    // Whoever comes back from the login page without an answer may simply go there again.
    const isOver = state.callback !== undefined || state.pushed?.status >= 400
    const request = (isOver && state.sent) || authorizationRequest(state.attempt, state.settings, redirectUri)
    const pushes = !isOver && state.settings.par
    const url = urlOf(request)
    const link = (id, kind = 'button') =>
      element('a', { class: kind, id, href: url, onclick: pushes ? push : leave }, say('login'))
    const quick = document.getElementById('quick')
    quick.hidden = isOver
    quick.replaceChildren(...(isOver ? [] : [link('login')]))
    const parameters = Object.entries(request).map(([name, value]) => `${name}=${value}`)
    const shown = `${metadata.authorization_endpoint}?\n  ${parameters.join('\n  &')}`
    const isPushed = isOver && state.pushed !== undefined
    const pushed = isPushed ? [title(say('par.pushed')), exchangeShown(state.pushed), code(state.pushedUrl ?? '')] : []
    card('authorize').show(
      isOver ? (state.pushed?.status >= 400 ? 'failed' : 'done') : 'ready',
      ...(isPushed ? pushed : [copyable(url, shown)]),
      pushes && element('p', { class: 'hint' }, say('par.will')),
      isOver
        ? element(
            'button',
            { class: 'button secondary', type: 'button', 'data-action': 'again', onclick: again },
            say('again'),
          )
        : link('login-here', 'button secondary'),
    )
  }

  const urlOf = (request) => `${metadata.authorization_endpoint}?${new URLSearchParams(request)}`

  function leave() {
    if (!state.settings.par) delete state.pushed
    state.sent = authorizationRequest(state.attempt, state.settings, redirectUri)
    save(state)
  }

  /** RFC 9126: the request goes ahead through the back door, the browser carries only its name. */
  async function push(event) {
    event?.preventDefault()
    const form = authorizationRequest(state.attempt, state.settings, redirectUri)
    const url = metadata.pushed_authorization_request_endpoint
    const answer = await postForm(url, form)
    state.pushed = { curl: curlForm(url, form), ...answer }
    leave()
    if (answer.status !== 201) return authorize()
    state.pushedUrl = urlOf({ client_id: form.client_id, request_uri: answer.body.request_uri })
    save(state)
    location.assign(state.pushedUrl)
  }

  /** Forgets what one login brought and makes a request anew. */
  async function again() {
    for (const name of Object.keys(state)) if (name !== 'settings') delete state[name]
    await prepare()
    location.assign('/sandbox')
  }

  /** Straight to the login page, with what an API asked for. */
  async function stepUp(wanted) {
    for (const name of Object.keys(state)) if (name !== 'settings') delete state[name]
    state.attempt = await newAttempt()
    state.settings = { ...state.settings, prompt: '', acr_values: '', max_age: '', ...wanted }
    if (state.settings.par) return push()
    leave()
    location.assign(urlOf(state.sent))
  }

  async function takeCallback(query) {
    const params = Object.fromEntries(new URLSearchParams(query))
    const isOurs = state.sent !== undefined && state.callback === undefined && params.state === state.attempt.state
    state.callback = {
      params,
      checks: [
        { ok: isOurs, text: say('check.state') },
        { ok: params.iss === metadata.issuer, text: say('check.callback_iss') },
      ],
    }
    save(state)
    const isGood = state.callback.checks.every(({ ok }) => ok)
    if (isGood && params.code !== undefined) await exchange(params.code)
  }

  function callback() {
    if (state.callback === undefined) return
    const { params, checks: found } = state.callback
    const isGood = found.every(({ ok }) => ok) && params.code !== undefined
    const refused = params.error !== undefined && element('p', { class: 'alert' }, say('callback.refused', params))
    card('callback').show(isGood ? 'done' : 'failed', facts(params), checks(found), refused)
  }

  async function exchange(authorizationCode) {
    const form = {
      grant_type: 'authorization_code',
      client_id: state.sent.client_id,
      code: authorizationCode,
      redirect_uri: redirectUri,
      code_verifier: state.attempt.verifier,
    }
    const answer = await postForm(metadata.token_endpoint, form)
    state.exchange = { curl: curlForm(metadata.token_endpoint, form), ...answer }
    if (answer.status === 200) state.tokens = answer.body
    save(state)
    if (answer.status === 200) await inspect()
  }

  function token() {
    if (state.exchange !== undefined)
      card('token').show(state.tokens ? 'done' : 'failed', exchangeShown(state.exchange))
  }

  async function inspect() {
    const { body: jwks } = await getJson(metadata.jwks_uri)
    const about = { jwks, clientId: state.sent.client_id, nonce: state.attempt.nonce }
    state.idToken = await checkIdToken(state.tokens.id_token, about)
    state.accessToken = await checkAccessToken(state.tokens.access_token, about)
    save(state)
  }

  function decoded() {
    if (state.accessToken === undefined) return
    const shown = (name, { header, payload, checks: found }) => [
      title(name),
      checks(found),
      folded(say('header'), code(header)),
      code(payload),
    ]
    const isGood = [...state.idToken.checks, ...state.accessToken.checks].every(({ ok }) => ok)
    card('decode').show(
      isGood ? 'done' : 'failed',
      ...shown('ID token', state.idToken),
      ...shown('Access token', state.accessToken),
    )
    const summary = document.getElementById('summary')
    summary.hidden = !isGood
    const { phone_number, sub } = state.idToken.payload
    summary.textContent = say('summary', { who: phone_number ?? sub })
  }

  function draw() {
    authorize()
    callback()
    token()
    decoded()
  }

  return { discover, prepare, takeCallback, draw, stepUp }
}
