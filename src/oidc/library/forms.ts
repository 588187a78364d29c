/** A form that the library hands over as HTML: where it is posted to, and its token against posts of other sites. */
export interface FormParts {
  readonly action: string
  readonly xsrf: string
}

/** Reads a form that the library hands over as HTML, for the logout and for a device. */
export function partsOfForm(html: string): FormParts {
  return {
    action: /action="([^"]*)"/.exec(html)?.[1] ?? '',
    xsrf: /name="xsrf" value="([^"]*)"/.exec(html)?.[1] ?? '',
  }
}

/** A page that does nothing but post its fields on. */
export interface FormPost {
  readonly action: string
  readonly fields: readonly { readonly name: string; readonly value: string }[]
}

/**
 * Reads the page by which the library posts an answer to a client (`response_mode=form_post`), or a logout to itself;
 * undefined for any other page. A response mode of ours could be registered, but under no name that the library has
 * taken itself, and the logout asks for none.
 */
export function partsOfFormPost(html: string): FormPost | undefined {
  if (!html.includes('<title>Submitting Callback</title>')) return undefined
  const action = decodeEntities(/<form method="post" action="([^"]*)"/.exec(html)?.[1] ?? '')
  const inputs = html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"\/>/g)
  const fields = [...inputs].map(([, name = '', value = '']) => ({
    name: decodeEntities(name),
    value: decodeEntities(value),
  }))
  return { action, fields }
}

const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? entity)
}
