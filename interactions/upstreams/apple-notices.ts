import { z } from 'zod'
import { epochSeconds } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import { addressBelow } from '../../src/base/vendor-address.ts'
import { appleKeys } from './apple-keys.ts'
import { signedByApple, skewSeconds } from './apple-signature.ts'
import { type ConnectorDependencies, UpstreamAnswer, type UpstreamNotice } from './connector.ts'

interface Options {
  readonly client_id: string
  readonly bundle_ids: readonly string[]
  readonly issuer: string
}

const envelope = z.object({ payload: z.string().min(1) })
const claims = z.object({ iat: z.number(), jti: z.string().min(1).max(255), events: z.unknown() })
const event = z.object({
  type: z.string().min(1),
  sub: z.string().min(1).max(255),
  event_time: z.coerce.number().positive().optional().catch(undefined),
})

/** Apple's words. Older documents say `account-delete`, newer ones `account-deleted`. */
const kinds: ReadonlyMap<string, UpstreamNotice['kind']> = new Map(
  Object.entries({
    'consent-revoked': 'consent_ended',
    'account-delete': 'account_deleted',
    'account-deleted': 'account_deleted',
    'email-enabled': 'mail_relay',
    'email-disabled': 'mail_relay',
  }),
)

/** Apple repeats what was not answered with 200. An older one may have been kept by somebody. */
const oldestSeconds = 86_400
/** Seconds since the epoch are below this for 3000 years, milliseconds have been above it since 1973. */
const leastMs = 1e11

/**
 * Reads Apple's server-to-server notifications: `{"payload": JWT}`, whose claim `events` is JSON once more. SECURITY:
 * anybody may post here. Only what Apple has signed for a client of ours, within a day, is read. The keys are other
 * copies than those of the logins, so that nobody uses up what logins may fetch.
 */
export function appleNotices(options: Options, dependencies: ConnectorDependencies) {
  const { clock } = dependencies
  const keys = appleKeys(addressBelow(options.issuer, '/auth/keys'), dependencies)

  return async (body: string): Promise<UpstreamNotice> => {
    const { payload: token } = fitting(envelope, json(body))
    const now = epochSeconds(clock)
    const payload = await signedByApple(token, {
      keys,
      issuer: options.issuer,
      audience: [options.client_id, ...options.bundle_ids],
      requiredClaims: ['iat', 'jti', 'events'],
      now,
      refuse: refused,
    })
    const { iat, jti, events } = fitting(claims, payload)
    if (iat > now + skewSeconds || iat < now - oldestSeconds) throw refused('id_token:iat')
    const { type, sub, event_time: time = iat } = fitting(event, typeof events === 'string' ? json(events) : events)
    return {
      id: jti,
      subject: sub,
      kind: kinds.get(type) ?? 'other',
      word: type.slice(0, 40),
      happenedAt: time < leastMs ? time * 1000 : time,
    }
  }
}

/** The word is for the log; whoever sent it learns only that it is wrong. */
function refused(word: string): AppError {
  return new AppError('request.invalid', { field: 'payload', cause: new UpstreamAnswer({ vendorCode: word }) })
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refused('unparsable')
  }
}

function fitting<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw refused('unexpected_shape')
}
