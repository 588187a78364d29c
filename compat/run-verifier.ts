import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { NotRun, Outcome } from './results.ts'
import { fails, folder, lacking, pathEnv, startProgram } from './run-client.ts'
import { resourceOf } from './seeds.ts'
import { type CompatServer, untilAnswered } from './server.ts'
import type { IssuedTokens } from './tokens.ts'
import { type TokenAlg, tokenAlgs, tokenTyp, type Verifier } from './verifiers.ts'

/** What a verifier made of a token: who it stands for and its scope, or why it was refused. */
interface Verdict {
  readonly isTaken: boolean
  readonly said: string
}
type Verify = (token: string) => Promise<Verdict>

/** Shows a verifier the good access token of each API, and tokens that it must refuse. */
export async function runVerifier(
  verifier: Verifier,
  server: CompatServer,
  tokens: Readonly<Record<TokenAlg, IssuedTokens>>,
): Promise<Partial<Record<TokenAlg, Outcome>> | NotRun> {
  const missing = lacking(verifier)
  if (missing !== undefined) return { notRun: missing }
  const result: Partial<Record<TokenAlg, Outcome>> = {}
  for (const alg of tokenAlgs) {
    const asItComes = await tryOnce(verifier, alg, false, server, tokens)
    const isOver = asItComes === 'works' || verifier.setting === undefined
    const withSetting = isOver ? asItComes : await tryOnce(verifier, alg, true, server, tokens)
    result[alg] = withSetting === 'works' && !isOver ? 'setting' : withSetting
  }
  return result
}

async function tryOnce(
  verifier: Verifier,
  alg: TokenAlg,
  isSet: boolean,
  server: CompatServer,
  tokens: Readonly<Record<TokenAlg, IssuedTokens>>,
): Promise<'works' | `fails: ${string}`> {
  const env = {
    PATH: pathEnv,
    HOME: process.env['HOME'] ?? folder,
    ISSUER: server.issuer,
    PORT: new URL(server.origin).port,
    AUDIENCE: resourceOf(alg),
    ALG: alg,
    TYP: tokenTyp(alg),
    SETTING: isSet ? '1' : '',
  }
  if (!verifier.isServer)
    return judged((token) => verdictOfProgram(verifier.command, { ...env, TOKEN: token }), alg, tokens)
  const program = startProgram(verifier.command, env)
  try {
    await untilAnswered(`${server.origin}/orders`, program.child)
    return await judged((token) => verdictOfServer(server.origin, token), alg, tokens)
  } catch (error) {
    return fails(`${error instanceof Error ? error.message : error}`)
  } finally {
    await program.end()
  }
}

async function judged(
  verify: Verify,
  alg: TokenAlg,
  tokens: Readonly<Record<TokenAlg, IssuedTokens>>,
): Promise<'works' | `fails: ${string}`> {
  const { access_token, id_token } = tokens[alg]
  const good = await verify(access_token)
  if (!good.isTaken || !/usr_\w/.test(good.said) || !good.said.includes('orders:read')) return fails(good.said)
  const [head, payload = '', signature = ''] = access_token.split('.')
  const forged = [head, payload, `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`].join('.')
  const elsewhere = tokens[alg === 'ES256' ? 'RS256' : 'ES256'].access_token
  const bad = { 'an ID token': id_token, 'a forged token': forged, 'a token for another API': elsewhere }
  for (const [name, token] of Object.entries(bad)) if ((await verify(token)).isTaken) return fails(`it takes ${name}`)
  return 'works'
}

async function verdictOfProgram(
  [program, ...words]: Verifier['command'],
  env: Readonly<Record<string, string>>,
): Promise<Verdict> {
  const child = spawn(program, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  let [output, errors] = ['', '']
  child.stdout.on('data', (part) => (output += part))
  child.stderr.on('data', (part) => (errors += part))
  const [status] = await once(child, 'close')
  return status === 0 ? { isTaken: true, said: output } : { isTaken: false, said: reasonIn(errors) }
}

/** The line of an error's trace that says what happened: the first one in Java, the last one elsewhere. */
function reasonIn(errors: string): string {
  const lines = errors.trim().split('\n')
  const exception = lines.find((line) => line.startsWith('Exception in thread'))
  return (exception ?? lines.at(-1) ?? '').replace(/^(Exception in thread "main" )?[\w.]+: /, '')
}

async function verdictOfServer(origin: string, token: string): Promise<Verdict> {
  const answer = await fetch(`${origin}/orders`, { headers: { authorization: `Bearer ${token}` } })
  const challenge = answer.headers.get('www-authenticate') ?? ''
  const reason = /error_description="([^"]*)"/.exec(challenge)?.[1] ?? `${answer.status} ${challenge}`
  return answer.ok ? { isTaken: true, said: await answer.text() } : { isTaken: false, said: reason }
}
