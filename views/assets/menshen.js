// Conveniences only: every page works when this file never arrives. ES2018, no build.
;(() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector))

  for (const form of all('form[data-submit]')) form.submit()

  // The documents are asked for in place, so that nothing that was typed is typed again.
  for (const dialog of all('dialog[data-agree]')) {
    const tick = document.getElementById(dialog.dataset.agree)
    const { form } = tick
    if (!dialog.showModal || !form.requestSubmit) continue
    let pressed
    form.addEventListener('submit', (event) => {
      pressed = event.submitter
      if (tick.checked || (pressed && pressed.name === 'show')) return
      event.preventDefault()
      dialog.showModal()
    })
    for (const button of dialog.querySelectorAll('[data-answer]')) {
      button.addEventListener('click', () => {
        dialog.close()
        if (button.dataset.answer !== 'yes') return
        tick.checked = true
        form.requestSubmit(pressed)
      })
    }
  }

  // A vendor's code in the page, for as long as what it was begun with lasts. Without one the form leads on.
  const scanMs = 540000
  for (const button of all('[data-scan]')) {
    const { form } = button
    const place = document.getElementById(button.dataset.scan)
    let leads = false
    form.addEventListener('submit', (event) => {
      if (event.defaultPrevented || event.submitter !== button || leads) return
      event.preventDefault()
      const fields = new URLSearchParams(new FormData(form))
      fields.delete('password')
      fields.set(button.name, button.value)
      fields.set('frame', '1')
      button.setAttribute('aria-busy', 'true')
      fetch(location.href, { method: 'POST', headers: { accept: 'application/json' }, body: fields })
        .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
        .then((answer) => {
          const frame = document.createElement('iframe')
          frame.title = button.dataset.title
          frame.sandbox = 'allow-scripts allow-same-origin allow-forms allow-top-navigation'
          frame.allow = 'local-network-access'
          frame.referrerPolicy = 'no-referrer'
          frame.src = answer.location
          button.removeAttribute('aria-busy')
          button.remove()
          place.append(frame)
          place.classList.add('open')
          setTimeout(() => {
            frame.remove()
            place.classList.remove('open')
            place.append(button)
          }, scanMs)
        })
        .catch(() => {
          leads = true
          form.requestSubmit(button)
        })
    })
  }

  // Of two presses the second would cut off the answer to the first, whose code is then used up: a full code sends
  // itself, and many press Enter all the same. Where no answer comes the person may try again.
  const patienceMs = 10000
  let sentAt = -patienceMs
  const rest = () => {
    sentAt = -patienceMs
    for (const button of all('[aria-busy]')) button.removeAttribute('aria-busy')
  }
  document.addEventListener('submit', (event) => {
    // Not `form.method`: that is a field of ours.
    const form = event.target
    if (event.defaultPrevented || form.getAttribute('method') !== 'post') return
    const now = performance.now()
    if (now - sentAt < patienceMs) return event.preventDefault()
    sentAt = now
    const pressed = event.submitter
    // Whoever only looks at another form sends no password along.
    if (pressed && pressed.name === 'show')
      for (const field of form.querySelectorAll('[type=password]')) field.value = ''
    const seen = pressed && pressed.tabIndex >= 0 ? pressed : form.querySelector('.button')
    if (seen) seen.setAttribute('aria-busy', 'true')
    setTimeout(rest, patienceMs)
  })
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) rest()
  })

  // A wait ticks in sight; assistive technology hears its start and its end, not every second.
  for (const box of all('[data-wait]')) {
    const text = box.querySelector('[data-wait-text]')
    const live = box.querySelector('[data-wait-live]')
    const button = document.getElementById(box.dataset.waitButton || '')
    const end = performance.now() + Number(box.dataset.wait) * 1000
    const remaining = () => Math.ceil((end - performance.now()) / 1000)
    const tick = () => {
      const seconds = remaining()
      const done = seconds <= 0
      if (button) button.disabled = !done
      text.textContent = done ? box.dataset.waitDone : box.dataset.waitTick.replace('{s}', String(seconds))
      if (!done) return
      clearInterval(timer)
      live.textContent = box.dataset.waitDone
    }
    const timer = setInterval(tick, 1000)
    live.textContent = text.textContent
    tick()
  }

  // Moments are written in the time of Beijing; a browser elsewhere shows them in its own.
  const { lang } = document.documentElement
  const local = new Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : lang, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  for (const time of all('time[data-local]')) time.textContent = local.format(new Date(time.dateTime))
  for (const note of all('[data-beijing]')) note.hidden = true

  for (const button of all('[data-reveal]')) {
    const field = document.getElementById(button.dataset.reveal)
    const show = (visible) => {
      field.type = visible ? 'text' : 'password'
      button.setAttribute('aria-pressed', String(visible))
    }
    button.hidden = false
    button.addEventListener('click', () => show(field.type === 'password'))
    field.form.addEventListener('submit', () => show(false))

    const caps = document.getElementById(`${field.id}-caps`)
    const check = (event) => {
      if (event.getModifierState) caps.hidden = !event.getModifierState('CapsLock')
    }
    field.addEventListener('keydown', check)
    field.addEventListener('keyup', check)
    field.addEventListener('blur', () => {
      caps.hidden = true
    })
  }

  for (const field of all('[data-phone]')) {
    const country = document.getElementById(field.dataset.phone)
    field.addEventListener('blur', () => {
      const digits = field.value.normalize('NFKC').replace(/[\s-]/g, '')
      const mainland = country.value === '86' && /^1[3-9]\d{9}$/.test(digits)
      if (mainland) field.value = `${digits.slice(0, 3)} ${digits.slice(3, 7)} ${digits.slice(7)}`
    })
  }
})()
