import { z } from 'zod'
import type { HttpClient, HttpRequest } from '../../src/base/http.ts'
import type { Secret } from '../../src/base/secret.ts'
import { addressBelow } from '../../src/base/vendor-address.ts'
import { secondsText, tokenText } from './vendor-answers.ts'
import { askWechat, exchangeCodes, parsed } from './wechat-api.ts'

const tokenAnswer = z.object({ access_token: tokenText, expires_in: secondsText.catch(0) })

/** WeChat hands out the next token five minutes before the old one ends. */
const marginSeconds = 300

/**
 * Fetches the token of the API of a mini program or an official account. While it is valid, WeChat gives the same token
 * to everybody who asks, so asking harms nobody. It is refused to an address that is not on the account's white list.
 */
export async function stableToken(
  { appid, secret }: { readonly appid: string; readonly secret: Secret },
  apiUrl: string,
  http: HttpClient,
): Promise<{ readonly text: string; readonly ttlSeconds: number }> {
  const request = post({ grant_type: 'client_credential', appid, secret: secret.reveal(), force_refresh: false })
  const answer = await askWechat(http, addressBelow(apiUrl, '/cgi-bin/stable_token'), request)
  const { access_token: text, expires_in: seconds } = parsed(tokenAnswer, answer, exchangeCodes)
  return { text, ttlSeconds: Math.max(seconds - marginSeconds, 1) }
}

/** A POST with JSON, as WeChat's API of accounts wants it. */
export function post(body: Readonly<Record<string, unknown>>): HttpRequest {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
