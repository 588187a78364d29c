// Conveniences of the page that tries a brand: it follows the form, and shows a picture that stays on this machine.
const form = document.querySelector('.brand-draft')
const frame = document.querySelector('.brand-shown')
const settings = document.getElementById('settings')
const picker = document.querySelector('[data-logo]')

form.addEventListener('change', (event) => {
  if (event.target.type !== 'file') form.requestSubmit()
})

picker.hidden = false
picker.querySelector('input').addEventListener('change', ({ target }) => {
  const [file] = target.files
  if (file === undefined) return
  const reader = new FileReader()
  reader.addEventListener('load', () => {
    const logo = frame.contentDocument.querySelector('.brand img')
    for (const source of frame.contentDocument.querySelectorAll('.brand source')) source.remove()
    logo.removeAttribute('width')
    logo.src = reader.result
    settings.textContent = `${settings.textContent.replace(/^brand: \{\}/, 'brand:').trimEnd()}\n  logo: ./${file.name}\n`
  })
  reader.readAsDataURL(file)
})
