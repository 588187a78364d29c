import { randomBytes } from 'node:crypto'
import { NativeClient } from '../../clients/native/client.ts'
import type { Keeper } from '../../clients/native/storage.ts'
import { fetchTransport, type Transport, type WireRequest } from '../../clients/native/transports.ts'
import type { LoginAnswer, NativeClientOptions } from '../../clients/native/types.ts'
import { agreements } from './native-app.ts'
import type { World } from './world.ts'

export type Kept = Awaited<ReturnType<Keeper['read']>>

/** The client to copy, as an app has it. */
export interface Installation {
  readonly client: NativeClient
  /** `POST /token` and the like, as they were sent. */
  readonly sent: WireRequest[]
  readonly stored: { text: string | undefined }
  /** What is stored, parsed. */
  kept(): Kept
}

export const byFetch = fetchTransport(fetch)

/** What becomes of an answer on its way. */
export type Through = (answer: ReturnType<Transport>, request: WireRequest) => ReturnType<Transport>

/** An installation; `through` may lose or change what comes back. */
export function install(
  { issuer }: Pick<World, 'issuer'>,
  transport: Transport = byFetch,
  through: Through = (answer) => answer,
  more: Partial<NativeClientOptions> = {},
): Installation {
  const sent: WireRequest[] = []
  const stored: Installation['stored'] = { text: undefined }
  const client = new NativeClient({
    issuer,
    clientId: 'sandbox-app',
    scope: 'openid phone identities offline_access orders:read',
    transport: (request) => {
      sent.push(request)
      return through(transport(request), request)
    },
    storage: {
      read: () => stored.text,
      write: (text) => {
        stored.text = text
      },
    },
    random: (bytes) => randomBytes(bytes),
    locale: 'zh-CN',
    ...more,
  })
  return { client, sent, stored, kept: () => JSON.parse(stored.text ?? '{}') }
}

/** Logs in by SMS. */
export async function logIn(
  world: Pick<World, 'otp'>,
  { client }: Pick<Installation, 'client'>,
  phone: string,
): Promise<Extract<LoginAnswer, { kind: 'tokens' }>> {
  const asked = await client.login({ method: 'sms', phone, agreements })
  if (asked.kind !== 'challenge' || asked.challenge.step !== 'otp') throw new Error(JSON.stringify(asked))
  const answer = await client.login({ otp: await world.otp(`+86${phone}`) })
  if (answer.kind !== 'tokens') throw new Error(JSON.stringify(answer))
  return answer
}
