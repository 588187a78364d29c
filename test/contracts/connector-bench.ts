import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { expect } from 'vitest'
import { buildConnectors, type ConnectionOptions } from '../../interactions/upstreams/connections.ts'
import {
  type Authorization,
  type Connector,
  type Identification,
  UpstreamAnswer,
  type UpstreamResponse,
} from '../../interactions/upstreams/connector.ts'
import { AppError } from '../../src/base/errors.ts'
import { httpClient } from '../../src/base/http.ts'
import { unshared } from '../support/unshared.ts'
import { appSecret, type ConnectorWorld, callback } from './connector-worlds.ts'

/** Walked by `walkTo`. */
export const clock = () => Date.now()

/** What goes out with every login of these tests. */
export const sent = {
  redirectUri: callback,
  state: 'StateOfLettersAndDigits123456789',
  nonce: 'nonce-DNTL',
  codeVerifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
}

/** The connector of one connection. */
export function build(
  options: ConnectionOptions,
  { allowInsecure = true, timeoutMs = 10_000 }: { readonly allowInsecure?: boolean; readonly timeoutMs?: number } = {},
): Connector {
  const http = httpClient({ timeoutMs, allowInsecure: true })
  const [connector] = buildConnectors([options], { http, clock, shared: unshared, allowInsecure })
  if (!connector) throw new Error('nothing was built')
  return connector
}

/** Somebody who has been at the upstream and is back. */
export interface Return {
  readonly url: URL
  readonly response: UpstreamResponse
  readonly authorization: Authorization
  identify(): Promise<Identification>
}

/** The person leaves through the connector, answers there and comes back. */
export async function comeBack(
  world: ConnectorWorld,
  connector = build(world.settings()),
  decision: 'accept' | 'refuse' = 'accept',
): Promise<Return> {
  const authorization: Authorization = { ...sent, variant: connector.variant(world.visit) }
  const url = await connector.authorizationUrl(authorization, world.visit)
  const response = await world.answer(url, decision)
  return { url, response, authorization, identify: () => connector.identify(response, authorization) }
}

/** Everything that must stay between us and the vendor: secret, verifier, nonce, codes and tokens of this test. */
function unspeakable(world: ConnectorWorld, response: UpstreamResponse): string[] {
  const inRequests = world.simulator.requests.flatMap(({ rawQuery, body, headers }) => {
    const fields = [...new URLSearchParams(rawQuery), ...new URLSearchParams(body)]
    const secrets = fields.filter(([name]) => /^(code|access_token|client_secret|secret)$/.test(name))
    return [...secrets.map(([, value]) => value), (headers.authorization ?? '').replace(/^\w+ /, '')]
  })
  const known = [appSecret, 'wrong-secret-DNTL', sent.codeVerifier, sent.nonce, response['code'] ?? '', ...inRequests]
  return known.filter((each) => each.length > 5)
}

/** What a login was refused with, which holds nothing secret. */
export async function refusedBy(
  world: ConnectorWorld,
  work: Promise<unknown>,
  response: UpstreamResponse = {},
): Promise<AppError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  const told = inspect(thrown, { depth: 9, showHidden: true })
  expect(unspeakable(world, response).filter((each) => told.includes(each))).toEqual([])
  return thrown as AppError
}

/** The vendor's own word in a refusal. */
export function wordOf({ cause }: AppError): string | undefined {
  return cause instanceof UpstreamAnswer ? cause.vendorCode : undefined
}

/** Stands where a vendor should and answers as it is told. */
export async function impostor(
  listener: RequestListener,
): Promise<{ readonly url: string; calls(): number; close(): void }> {
  let calls = 0
  const server = createServer((request, response) => {
    calls += 1
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => calls,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
