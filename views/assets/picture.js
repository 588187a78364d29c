// A photo of a phone is larger than what is taken, so it is made small before it is sent, and shown. ES2018, no build.
;(() => {
  const longestSide = 512
  for (const field of document.querySelectorAll('[data-picture]')) {
    const shown = field.parentElement.querySelector('.avatar')
    if (!window.createImageBitmap || !window.DataTransfer) continue
    field.addEventListener('change', () => {
      const [file] = field.files
      if (!file) return
      createImageBitmap(file)
        .then((image) => {
          const scale = Math.min(1, longestSide / Math.max(image.width, image.height))
          const canvas = document.createElement('canvas')
          canvas.width = Math.max(1, Math.round(image.width * scale))
          canvas.height = Math.max(1, Math.round(image.height * scale))
          canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height)
          canvas.toBlob(
            (blob) => {
              // Another one may have been chosen meanwhile.
              if (!blob || field.files[0] !== file) return
              const chosen = new DataTransfer()
              chosen.items.add(new File([blob], file.name, { type: blob.type }))
              field.files = chosen.files
              shown.textContent = ''
              shown.append(canvas)
            },
            file.type,
            0.9,
          )
        })
        // What a browser cannot read, the server says in words.
        .catch(() => {})
    })
  }
})()
