import { spawnSync } from 'node:child_process'
import type { Verifier } from './clients.ts'
import type { ClientResult } from './results.ts'
import { fails, folder, lacking, pathEnv } from './run-client.ts'
import type { CompatServer } from './server.ts'
import type { IssuedTokens } from './tokens.ts'

/** Shows a verifier a good access token, and tokens that it must refuse. */
export function runVerifier(verifier: Verifier, { issuer }: CompatServer, tokens: IssuedTokens): ClientResult {
  const missing = lacking(verifier)
  if (missing !== undefined) return { notRun: `${missing} is not on this machine` }
  const verify = (token: string) => {
    const [program, ...words] = verifier.command
    const env = { PATH: pathEnv, HOME: process.env['HOME'] ?? folder, ISSUER: issuer, TOKEN: token }
    return spawnSync(program, words, { cwd: folder, env, encoding: 'utf8', timeout: 60_000 })
  }
  const good = verify(tokens.access_token)
  if (!/^usr_\w+ .*orders:read/.test(good.stdout)) return { api: fails(good.stderr.trim().split('\n').at(-1) ?? '') }
  const [head, payload = '', signature = ''] = tokens.access_token.split('.')
  const forged = [head, payload, `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`].join('.')
  for (const [name, token] of Object.entries({ 'an ID token': tokens.id_token, 'a forged token': forged })) {
    if (verify(token).status === 0) return { api: fails(`it takes ${name}`) }
  }
  return { api: 'works' }
}
