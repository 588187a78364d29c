/** What the server told this page. */
export const page = JSON.parse(document.getElementById('page-data').textContent)

/** A sentence in the visitor's language; `{name}` is filled in. */
export function say(key, values = {}) {
  const text = page.texts[`js.${key}`]
  if (text === undefined) throw new Error(`no sentence js.${key}`)
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name])
}

/** An element. Text goes in as text, never as HTML. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'onclick') made.addEventListener('click', value)
    else if (value !== false) made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children.filter((child) => child !== undefined && child !== false))
  return made
}

/** A heading inside a card. */
export function title(text) {
  return element('h3', {}, text)
}

/**
 * JSON, or text as it is, in a box. Tokens are shown by their ends: nobody reads the middle, and copying gives the
 * whole.
 */
export function code(value) {
  const short = pretty(value).replace(/[\w.-]{64,}/g, (token) => `${token.slice(0, 20)}…${token.slice(-8)}`)
  return element('pre', { class: 'code' }, element('code', {}, short))
}

/** A box behind a line that opens it. */
export function folded(summary, ...content) {
  return element('details', { class: 'fold' }, element('summary', {}, summary), ...content)
}

/** A box with a button that copies it. */
export function copyable(text, shown = text) {
  return element('div', { class: 'copyable' }, code(shown), copyButton(text))
}

function pretty(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
}

function copyButton(text) {
  return element(
    'button',
    { class: 'plain', type: 'button', onclick: (event) => copy(event.target, text) },
    say('copy'),
  )
}

/** Copies and says so on the button. */
async function copy(button, text) {
  await navigator.clipboard.writeText(text)
  button.textContent = say('copied')
}

/** Names and values below each other. */
export function facts(rows) {
  return element(
    'dl',
    { class: 'values' },
    ...Object.entries(rows).map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, element('code', {}, value))),
    ),
  )
}

/** What was looked at and whether it is as it should be: `{ ok, text }`. */
export function checks(list) {
  return element(
    'ul',
    { class: 'checks' },
    ...list.map(({ ok, text }) =>
      element(
        'li',
        { 'data-ok': String(ok) },
        element('span', { class: 'check-mark', 'aria-hidden': 'true' }, ok ? '✓' : '✗'),
        element(
          'span',
          {},
          text,
          element('span', { class: 'visually-hidden' }, ` – ${say(ok ? 'check_ok' : 'check_bad')}`),
        ),
      ),
    ),
  )
}

/** A request as it was sent, and what came back. */
export function exchangeShown({ curl, status, headers, body }) {
  const answer = [
    element('p', { class: 'status', 'data-ok': String(status < 400) }, `HTTP ${status}`),
    ...(headers ? [code(headers)] : []),
    ...(body === undefined || body === '' ? [] : [copyable(pretty(body), body)]),
  ]
  return element('div', { class: 'exchange' }, copyable(curl), ...answer)
}

/** One card: `state` is todo, busy, done or failed; the nodes replace what it shows. */
export function card(id) {
  const root = document.getElementById(`step-${id}`)
  return {
    show(state, ...nodes) {
      root.dataset.state = state
      root.querySelector('.step-state').textContent = say(`state.${state}`)
      root.querySelector('.step-body').replaceChildren(...nodes.filter((node) => node !== undefined && node !== false))
    },
    /** A button of this card, brought to light. */
    button(action) {
      root.querySelector('.actions').hidden = false
      return root.querySelector(`[data-action="${action}"]`)
    },
  }
}
