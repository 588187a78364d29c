import { randomBytes, randomInt } from 'node:crypto'
import { AppError } from '../../src/base/errors.ts'
import { callbackPath } from '../../src/base/paths.ts'
import { isSameSecret } from '../../src/base/same-secret.ts'
import type { Authorization, Connector } from '../upstreams/connector.ts'
import type { Visit } from '../upstreams/visit.ts'
import type { LoginMethod, StepRequest } from './method.ts'

/**
 * Where the answer to a state is to be brought: the part of the callback's work that a method must set up beforehand.
 */
export interface ExpectedCallbacks {
  /** `before`: the state whose place it takes. */
  expect(
    state: string,
    expected: { readonly connection: string; readonly attemptId: string; readonly clientId?: string | undefined },
    before?: string,
  ): Promise<void>
  /** Forgets a state, and what came back for it. */
  forget(state: string): Promise<void>
}

interface Dependencies {
  readonly connector: Connector
  readonly callbacks: ExpectedCallbacks
  readonly issuer: string
  readonly registration: 'ask' | 'auto' | 'closed'
}

/** What is kept while somebody is at an upstream. */
interface Left extends Authorization {
  /** Milliseconds since the epoch. */
  readonly leftAt: number
}

const registrationOf = { ask: 'ask', auto: 'allowed', closed: 'never' } as const
const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const stateLength = 32

/** 190 bits in letters and digits: the strictest upstream takes nothing else and at most 128 of them. */
function newState(): string {
  return Array.from({ length: stateLength }, () => alphanumeric[randomInt(alphanumeric.length)]).join('')
}

/**
 * Any connector as a login method: leave for the upstream, come back, be identified. SECURITY: state, nonce and
 * verifier are made here for every start, and what comes back must carry the state of this very attempt.
 */
export function federated({ connector, callbacks, issuer, registration }: Dependencies): LoginMethod<Left> {
  return {
    id: connector.id,
    entry: 'login',
    acrs: ['urn:menshen:acr:federated'],
    connection: connector,
    asksVendor: () => ({ connection: connector.id, vendor: connector.provider }),
    forget: ({ state }) => callbacks.forget(state),
    async step({ attemptId, clientId, input, state: left, visit, nowMs }) {
      if (input['state'] === undefined) {
        const started = await start({ attemptId, clientId }, visit, left?.state)
        const frame = input['frame'] === undefined ? undefined : connector.frame
        const to = frame?.isOffered(visit)
          ? frame.url(started, visit)
          : await connector.authorizationUrl(started, visit)
        return { kind: 'redirect', to, state: { ...started, leftAt: nowMs } }
      }
      if (!left || !isSameSecret(input['state'], left.state)) throw new AppError('attempt.expired')
      const { identity, credential, ifUnknown } = await connector.identify(input, left)
      return {
        kind: 'proved',
        identity,
        amr: [connector.provider],
        provedAt: nowMs,
        begunAt: left.leftAt,
        registration: registrationOf[registration],
        ...(credential === undefined ? {} : { credential }),
        ...(ifUnknown === undefined ? {} : { ifUnknown }),
      }
    },
  }

  async function start(
    whose: Pick<StepRequest<Left>, 'attemptId' | 'clientId'>,
    visit: Visit,
    before?: string,
  ): Promise<Authorization> {
    const authorization = {
      redirectUri: `${issuer}${callbackPath(connector.id)}`,
      state: newState(),
      nonce: randomBytes(24).toString('base64url'),
      codeVerifier: randomBytes(32).toString('base64url'),
      variant: connector.variant(visit),
    }
    await callbacks.expect(authorization.state, { connection: connector.id, ...whose }, before)
    return authorization
  }
}
