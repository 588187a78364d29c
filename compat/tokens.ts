import { createHash } from 'node:crypto'
import type { Browser } from 'playwright-core'
import { CompatPerson } from './person.ts'
import { scopeOf } from './seeds.ts'
import type { CompatServer } from './server.ts'

/** What a person's login brought. */
export interface IssuedTokens {
  readonly access_token: string
  readonly id_token: string
}

/** Logs somebody in for the verifiers, and answers the tokens. */
export async function issuedTokens(server: CompatServer, browser: Browser): Promise<IssuedTokens> {
  const context = await browser.newContext({ locale: 'zh-CN' })
  // Nobody listens at the redirect URI; the address is all that is wanted.
  await context.route(`${server.origin}/**`, (route) => route.fulfill({ body: 'ok', contentType: 'text/plain' }))
  const redirectUri = `${server.origin}/callback`
  const codeVerifier = 'v'.repeat(43)
  const asked = {
    client_id: 'reader',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: scopeOf('api').replace('offline_access ', ''),
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
  try {
    const page = await context.newPage()
    const person = new CompatPerson(page, server, '13912345678')
    await person.opens(`${server.issuer}/auth?${new URLSearchParams(asked)}`, server.origin)
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'reader',
      code: new URL(page.url()).searchParams.get('code') ?? '',
      code_verifier: codeVerifier,
      redirect_uri: redirectUri,
    })
    const answer = await fetch(`${server.issuer}/token`, { method: 'POST', body })
    if (!answer.ok) throw new Error(`no tokens: ${await answer.text()}`)
    return (await answer.json()) as IssuedTokens
  } finally {
    await context.close()
  }
}
