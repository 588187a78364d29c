// Solves the proof of work of a page and sends it on. Where that cannot be, the page has a question. ES2018, no build.
;(() => {
  const forms = Array.from(document.querySelectorAll('form[data-work]'))

  function solve(challenge, address) {
    const count = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 2))
    const workers = Array.from({ length: count }, () => new Worker(address))
    const first = Promise.race(
      workers.map(
        (worker, start) =>
          new Promise((resolve, reject) => {
            worker.onerror = reject
            worker.onmessage = ({ data }) => {
              const { derivedKey } = data || {}
              if (derivedKey) resolve(data)
              else reject(data)
            }
            worker.postMessage({ type: 'work', challenge, counterStart: start, counterStep: count })
          }),
      ),
    )
    const stop = () => {
      for (const worker of workers) worker.terminate()
    }
    first.then(stop, stop)
    return first
  }

  for (const form of forms) {
    const instead = form.querySelector('.instead')
    const working = form.querySelector('[data-working]')
    const answer = form.querySelector('[name=question_answer]')
    const give = () => {
      working.hidden = true
      instead.classList.remove('later')
    }
    if (!window.Worker || !window.crypto || !crypto.subtle) {
      give()
      continue
    }
    working.hidden = false
    working.textContent = working.dataset.working
    const challenge = JSON.parse(form.dataset.work)
    solve(challenge, form.dataset.worker).then((solution) => {
      // Whoever is answering already is not interrupted.
      if (answer.value !== '' || document.activeElement === answer) return give()
      form.querySelector('[name=altcha]').value = btoa(JSON.stringify({ challenge, solution }))
      if (form.requestSubmit) form.requestSubmit()
      else form.submit()
    }, give)
  }
})()
