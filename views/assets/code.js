// Conveniences where somebody types a code: every page works when this file never arrives. ES2018, no build.
;(() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector))

  for (const field of all('[data-otp]')) {
    let sent = false
    const length = Number(field.dataset.otp)
    // The whole message may be pasted. Of several numbers none is chosen here.
    const codeIn = (text) => {
      const bare = text.replace(/[\s-]/g, '')
      const runs = /^\d*$/.test(bare) ? [bare] : text.match(/\d+/g) || []
      const [code, other] = new Set(runs.filter((run) => run.length === length))
      return other === undefined ? code : undefined
    }
    const submitOnce = () => {
      const code = codeIn(field.value.normalize('NFKC'))
      if (sent || code === undefined) return
      sent = true
      field.value = code
      if (field.form.requestSubmit) field.form.requestSubmit()
      else field.form.submit()
    }
    field.addEventListener('input', (event) => {
      if (!event.isComposing) submitOnce()
    })
    field.addEventListener('compositionend', submitOnce)
    if (field.dataset.otpSms && 'OTPCredential' in window) {
      const abort = new AbortController()
      field.form.addEventListener('submit', () => abort.abort())
      navigator.credentials.get({ otp: { transport: ['sms'] }, signal: abort.signal }).then(
        (credential) => {
          field.value = credential.code
          submitOnce()
        },
        () => {},
      )
    }
  }

  for (const field of all('[data-user-code]')) {
    field.addEventListener('input', () => {
      const before = field.value
      const after = before.normalize('NFKC').toUpperCase()
      if (before === after) return
      const { selectionStart, selectionEnd } = field
      field.value = after
      if (before.length === after.length) field.setSelectionRange(selectionStart, selectionEnd)
    })
    field.addEventListener('blur', () => {
      const [, left, right] = /^\s*([A-Z0-9]{4})[\s-]*([A-Z0-9]{4})\s*$/.exec(field.value) || []
      if (left) field.value = `${left}-${right}`
    })
  }
})()
