// Shows the captcha of a vendor and sends what it brings. Where its script does not come, the page goes on to a
// challenge of our own; nothing is let through here. ES2018, no build.
;(() => {
  const form = document.querySelector('form[data-captcha]')
  if (!form) return
  const { captcha: vendor, script, widget } = form.dataset
  const options = JSON.parse(widget)
  const place = document.getElementById('captcha')
  const start = document.getElementById('captcha-start')
  const instead = form.querySelector('[name=instead]')
  const { lang } = document.documentElement
  const patienceMs = 15000
  let isOver = false

  function send(pressed) {
    if (isOver) return
    isOver = true
    if (form.requestSubmit) form.requestSubmit(pressed)
    else if (pressed) pressed.click()
    else form.submit()
  }

  // What it brings goes with the form that was sent before.
  function solved(answer) {
    for (const name of Object.keys(answer)) {
      const field = form.querySelector(`[name=${name}]`)
      field.disabled = false
      field.value = answer[name]
    }
    send()
  }

  const away = () => send(instead)

  // A vendor that wants a press of its own has our button for it.
  function onPress(show) {
    start.hidden = false
    if (show) start.addEventListener('click', show)
  }

  const vendors = {
    aliyun() {
      onPress()
      window.initAliyunCaptcha({
        SceneId: options.scene_id,
        mode: 'popup',
        element: '#captcha',
        button: '#captcha-start',
        language: lang === 'zh-CN' ? 'cn' : lang === 'zh-TW' ? 'tw' : lang,
        success: (param) => solved({ captcha_verify_param: param }),
        fail: () => {},
      })
    },
    tencent() {
      const answer = ({ ret, ticket, randstr }) => {
        if (ret === 0) solved({ captcha_ticket: ticket, captcha_randstr: randstr })
      }
      const shown = new window.TencentCaptcha(options.app_id, answer, { userLanguage: lang.toLowerCase() })
      onPress(() => shown.show())
    },
    geetest() {
      const language = { 'zh-CN': 'zho', 'zh-TW': 'zho-tw', ar: 'ara' }[lang] || 'eng'
      const config = { captchaId: options.captcha_id, product: 'bind', language }
      window.initGeetest4(config, (shown) => {
        shown
          .onReady(() => onPress(() => shown.showCaptcha()))
          .onSuccess(() => {
            const { lot_number, captcha_output, pass_token, gen_time } = shown.getValidate()
            solved({
              captcha_lot_number: lot_number,
              captcha_output,
              captcha_pass_token: pass_token,
              captcha_gen_time: gen_time,
            })
          })
          .onError(away)
      })
    },
    yidun() {
      const onVerify = (error, data) => {
        if (!error) solved({ captcha_validate: data.validate })
      }
      window.initNECaptcha(
        { captchaId: options.captcha_id, element: '#captcha', mode: 'embed', lang, onVerify },
        () => {},
        away,
      )
    },
    turnstile() {
      const { site_key: sitekey, action } = options
      const callback = (token) => solved({ captcha_token: token })
      window.turnstile.render(place, { sitekey, action, callback, 'error-callback': away })
    },
    hcaptcha() {
      const callback = (token) => solved({ captcha_token: token })
      window.hcaptcha.render(place, { sitekey: options.site_key, callback, 'error-callback': away })
    },
  }

  if (!vendors[vendor]) return
  if (vendor === 'aliyun') window.AliyunCaptchaConfig = { region: options.region, prefix: options.prefix }
  const loaded = document.createElement('script')
  const late = setTimeout(away, patienceMs)
  loaded.onerror = away
  loaded.onload = () => {
    clearTimeout(late)
    try {
      vendors[vendor]()
    } catch (_) {
      away()
    }
  }
  loaded.src = script
  document.head.append(loaded)
})()
