import type { KoaContextWithOIDC } from 'oidc-provider'
import { errors } from '../library/faults.ts'
import type { Payload } from '../library/stored-models.ts'
import { grantSource } from './grant-source.ts'
import type { Use } from './successor.ts'
import type { Unit } from './unit.ts'

/** Seconds after its use in which a refresh token of a client still brings its one successor. */
export type RetrySeconds = (client: { readonly clientId: string } | undefined) => number

/**
 * Lets a refresh go on with a token that was used a while ago, as if the token were unused. It then loses the race when
 * it is written, and `answerLostRefresh` decides. On other routes, and later, a used token counts as used.
 */
export function withGrace(
  payload: Payload | undefined,
  route: string | undefined,
  { nowSeconds, retrySeconds }: { readonly nowSeconds: number; readonly retrySeconds: RetrySeconds },
): Payload | undefined {
  const { consumed, ...rest } = payload ?? {}
  if (route !== 'token' || typeof consumed !== 'number') return payload
  return nowSeconds - consumed > retrySeconds({ clientId: String(rest['clientId']) }) ? payload : rest
}

/**
 * A token request lost the race for the value it exchanges: another request used that value first. A refresh may come
 * from a second tab, or because an answer was lost, perhaps hours ago on a phone that was put away. So for a set time,
 * and while nobody has used the successor, it gets that same successor, and a family never forks. Everything else is a
 * second use, whether it is noticed when the value is read or when it is written. Then somebody may have stolen the
 * value, and the whole family ends, with the tokens that the first request got (RFC 6749 §4.1.2, RFC 9700 §4.14.2).
 */
export async function answerLostRefresh(
  ctx: KoaContextWithOIDC,
  unit: Unit,
  times: { readonly nowSeconds: number; readonly retrySeconds: RetrySeconds },
): Promise<void> {
  const source = grantSource(ctx)
  const used = source && (await unit.useOf(source.model, source.value))
  if (source?.model === 'RefreshToken' && (await repeat(ctx, unit, { used, ...times }))) return
  refuse(ctx)
  // The family was ended between the read and the write, so nobody used anything twice.
  if (!source || !used?.grant_id || used.consumed === null) return
  const error = new errors.InvalidGrant(source.reused)
  ctx.oidc.provider.emit('grant.error', ctx, error)
  ctx.oidc.provider.emit('grant.revoked', ctx, used.grant_id)
  await unit.endGrant(used.grant_id)
}

/** Answers with the successor that the winner got, if that is allowed; returns false if this is a second use. */
async function repeat(
  ctx: KoaContextWithOIDC,
  unit: Unit,
  { used, nowSeconds, retrySeconds }: { used: Use | undefined; nowSeconds: number; retrySeconds: RetrySeconds },
): Promise<boolean> {
  const body = ctx.body as Record<string, unknown> | undefined
  if (typeof used?.consumed !== 'number') return false
  if (nowSeconds - used.consumed > retrySeconds(ctx.oidc.client)) return false
  const { successor } = used
  if (successor === null || body?.['refresh_token'] === undefined) return false
  if ((await unit.useOf('RefreshToken', successor))?.consumed !== null) return false
  // The app is in use now: what it gets lives as long as the token that this request would have brought.
  const lifeSeconds = ctx.oidc.entities.RefreshToken?.remainingTTL
  if (lifeSeconds !== undefined) unit.slide('RefreshToken', successor, nowSeconds + lifeSeconds)
  await unit.flushWithout('RefreshToken')
  body['refresh_token'] = successor
  return true
}

function refuse(ctx: KoaContextWithOIDC): void {
  ctx.status = 400
  ctx.body = { error: 'invalid_grant', error_description: 'grant request is invalid' }
}
