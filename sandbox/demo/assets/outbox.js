// Conveniences of the outbox: copying, and looking whether something has come. The page works without.
const block = document.getElementById('page-data')
if (block !== null) {
  const { newest, texts } = JSON.parse(block.textContent)
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.hidden = false
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(button.dataset.copy)
      button.textContent = texts['js.copied']
    })
  }
  setInterval(async () => {
    if (document.hidden || document.activeElement?.tagName === 'INPUT') return
    const response = await fetch(location.href, { headers: { accept: 'application/json' } }).catch(() => undefined)
    if (!response?.ok) return
    const [latest] = await response.json()
    if ((latest?.at ?? '') !== newest) location.reload()
  }, 2000)
}
