import { createServer } from 'node:http'
import type { Browser } from 'playwright-core'
import { CompatPerson } from './person.ts'
import { codeVerifier, readerRequest } from './seeds.ts'
import type { CompatServer } from './server.ts'
import { type TokenAlg, tokenAlgs } from './verifiers.ts'

/** What a person's login brought. */
export interface IssuedTokens {
  readonly access_token: string
  readonly id_token: string
}

/** Logs somebody in for the verifiers, and answers the tokens for the API of each algorithm. */
export async function issuedTokens(server: CompatServer, browser: Browser): Promise<Record<TokenAlg, IssuedTokens>> {
  const context = await browser.newContext({ locale: 'zh-CN' })
  // The address is all that is wanted of the redirect URI.
  const callback = createServer((_request, response) => response.end('ok')).listen(Number(new URL(server.origin).port))
  try {
    const page = await context.newPage()
    const person = new CompatPerson(page, server, '13912345678')
    const issued: Partial<Record<TokenAlg, IssuedTokens>> = {}
    for (const alg of tokenAlgs) {
      const asked = readerRequest(server.origin, alg)
      await person.opens(`${server.issuer}/auth?${new URLSearchParams(asked)}`, server.origin)
      issued[alg] = await redeemed(server, asked, new URL(page.url()).searchParams.get('code') ?? '')
    }
    return issued as Record<TokenAlg, IssuedTokens>
  } finally {
    await context.close()
    callback.closeAllConnections()
    callback.close()
  }
}

async function redeemed(
  { issuer }: CompatServer,
  { client_id, redirect_uri }: ReturnType<typeof readerRequest>,
  code: string,
): Promise<IssuedTokens> {
  const grant = { grant_type: 'authorization_code', client_id, redirect_uri, code, code_verifier: codeVerifier }
  const answer = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(grant) })
  if (!answer.ok) throw new Error(`no tokens: ${await answer.text()}`)
  return (await answer.json()) as IssuedTokens
}
