// What every program here has in common: a path for each thing the client does. The answer begins with `ok` or `failed`.
import { createServer } from 'node:http'

export const { ISSUER, ORIGIN, PORT, CLIENT_ID, CLIENT_SECRET, SCOPE, ID_TOKEN_ALG } = process.env
/** Whether the setting that docs/compatibility.md names is made. */
export const isSet = process.env.SETTING === '1'

/** A step answers what to show, or a URL to go to. */
export function serve(steps) {
  createServer(async (request, response) => {
    const url = new URL(request.url, ORIGIN)
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    try {
      const step = steps[url.pathname]
      if (!step) return response.writeHead(404).end()
      const answer = await step(url)
      if (answer instanceof URL) return response.writeHead(302, { location: answer.href }).end()
      response.end(`ok ${answer}`)
    } catch (error) {
      response.end(`failed: ${said(error)}`)
    }
  }).listen(PORT)
}

/** The sentence of an error, with that of its cause. */
export function said(error) {
  const parts = [error.message, error.error_description, error.cause?.message ?? error.cause?.error_description]
  return parts.filter(Boolean).join(': ')
}
