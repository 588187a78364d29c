import { card, checks, code, element, exchangeShown, facts, page, say, title } from './dom.js'
import { challengeParameters, curlForm, curlGet, getJson, postForm, random } from './protocol.js'
import { save } from './session.js'

const protocolScopes = ['openid', 'profile', 'phone', 'email', 'identities']

/** Steps 7 to 10: what can be done with tokens. */
export function tokenSteps(state, metadata, stepUp) {
  const clientId = () => state.sent.client_id

  /** One refresh; a refresh token that came back replaces the one that was used. */
  async function refresh(more = {}) {
    const form = {
      grant_type: 'refresh_token',
      client_id: clientId(),
      refresh_token: state.tokens.refresh_token,
      ...more,
    }
    const answer = await postForm(metadata.token_endpoint, form)
    return { curl: curlForm(metadata.token_endpoint, form), ...answer }
  }

  /** The access token for the API stays when the refresh asked for another kind. */
  function keep(answer, { accessToken = true } = {}) {
    if (answer.status !== 200) return
    const { refresh_token, access_token, id_token } = answer.body
    state.tokens = {
      ...state.tokens,
      ...(refresh_token === undefined ? {} : { refresh_token }),
      ...(accessToken ? { access_token } : {}),
      ...(id_token === undefined ? {} : { id_token }),
    }
    save(state)
  }

  async function userinfo() {
    const asked = state.sent.scope.split(' ')
    const scope = protocolScopes.filter((each) => asked.includes(each)).join(' ')
    const narrowed = await refresh({ scope })
    keep(narrowed, { accessToken: false })
    const found = [title(say('userinfo.refresh')), exchangeShown(narrowed)]
    if (narrowed.status !== 200) return card('userinfo').show('failed', ...found)
    const { access_token } = narrowed.body
    const answer = await getJson(metadata.userinfo_endpoint, access_token)
    const same = answer.body.sub === state.idToken.payload.sub
    card('userinfo').show(
      answer.status === 200 && same ? 'done' : 'failed',
      ...found,
      title(say('userinfo.call')),
      exchangeShown({ curl: curlGet(metadata.userinfo_endpoint, access_token), ...answer }),
      checks([{ ok: same, text: say('check.sub') }]),
    )
  }

  async function call(path, token, name) {
    const url = `${page.resource}/${path}`
    const answer = await getJson(url, token)
    const called = { curl: curlGet(url, token), ...answer }
    const wanted = name === 'wrong' ? 401 : 200
    const verdict = checks([{ ok: answer.status === wanted, text: say(`api.${name}`, { status: answer.status }) }])
    const asked = answer.challenge === undefined ? {} : challengeParameters(answer.challenge)
    const isStepUp = asked.error === 'insufficient_user_authentication'
    const again =
      isStepUp &&
      element('button', { class: 'button', type: 'button', onclick: () => stepUp(pick(asked)) }, say('api.step_up'))
    const isGood = answer.status === wanted || isStepUp
    card('api').show(isGood ? 'done' : 'failed', !isStepUp && verdict, exchangeShown(called), again)
  }

  const pick = ({ acr_values, max_age }) => ({
    ...(acr_values === undefined ? {} : { acr_values }),
    ...(max_age === undefined ? {} : { max_age }),
  })

  async function refreshOnce() {
    const before = state.tokens.refresh_token
    const answer = await refresh()
    keep(answer)
    const rotated = answer.status === 200 && answer.body.refresh_token !== before
    card('refresh').show(
      answer.status === 200 ? 'done' : 'failed',
      checks([{ ok: rotated, text: say(rotated ? 'refresh.rotated' : 'refresh.same') }]),
      facts({
        [say('refresh.before')]: start(before),
        [say('refresh.after')]: start(answer.body.refresh_token ?? '–'),
      }),
      exchangeShown(answer),
    )
  }

  /** Two tabs that wake up together send the same refresh token at the same time. What comes back is shown as it is. */
  async function refreshTwice() {
    const answers = await Promise.all([refresh(), refresh()])
    const good = answers.filter(({ status }) => status === 200)
    for (const answer of good) keep(answer)
    const [first, second] = good.map(({ body }) => body.refresh_token)
    const verdict = good.length === 0 ? 'none' : good.length === 1 ? 'one' : first === second ? 'same' : 'two'
    card('refresh').show(
      good.length > 0 ? 'done' : 'failed',
      checks([{ ok: good.length === 2, text: say(`two_tabs.${verdict}`) }]),
      ...answers.flatMap((answer, index) => [title(say('two_tabs.tab', { number: index + 1 })), exchangeShown(answer)]),
    )
  }

  const start = (token) => `${token.slice(0, 12)}…`

  async function revoke() {
    const form = { client_id: clientId(), token: state.tokens.refresh_token, token_type_hint: 'refresh_token' }
    const answer = await postForm(metadata.revocation_endpoint, form)
    const after = await refresh()
    const isDead = after.status === 400
    card('end').show(
      answer.status === 200 && isDead ? 'done' : 'failed',
      checks([{ ok: isDead, text: say('end.revoked') }]),
      exchangeShown({ curl: curlForm(metadata.revocation_endpoint, form), ...answer }),
      title(say('end.after')),
      exchangeShown(after),
    )
  }

  /** RP-initiated logout: the browser goes there and comes back to this page. */
  function logOut() {
    state.loggingOut = random()
    save(state)
    const query = new URLSearchParams({
      id_token_hint: state.tokens.id_token,
      post_logout_redirect_uri: `${page.issuer}/sandbox`,
      state: state.loggingOut,
    })
    location.assign(`${metadata.end_session_endpoint}?${query}`)
  }

  const actions = {
    userinfo: ['userinfo', userinfo],
    orders: ['api', () => call('orders', state.tokens.access_token, 'orders')],
    wrong: ['api', () => call('orders', state.tokens.id_token, 'wrong')],
    admin: ['api', () => call('admin', state.tokens.access_token, 'admin')],
    refresh: ['refresh', refreshOnce],
    two_tabs: ['refresh', refreshTwice],
    revoke: ['end', revoke],
    logout: ['end', logOut],
  }
  const needsRefreshToken = ['userinfo', 'refresh', 'two_tabs', 'revoke']

  /** Lends the buttons their work, as far as there are tokens for it. */
  function enable() {
    for (const [action, [id, work]] of Object.entries(actions)) {
      const button = card(id).button(action)
      const isLacking = needsRefreshToken.includes(action) && state.tokens.refresh_token === undefined
      button.disabled = isLacking
      if (isLacking && action !== 'two_tabs')
        card(id).show('todo', element('p', { class: 'hint' }, say('needs_offline')))
      button.addEventListener('click', () => run(button, id, work))
    }
  }

  async function run(button, id, work) {
    button.disabled = true
    try {
      await work()
    } catch (error) {
      card(id).show('failed', code(String(error)))
    }
    button.disabled = false
  }

  return { enable }
}
