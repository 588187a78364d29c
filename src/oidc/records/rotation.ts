import type { KoaContextWithOIDC } from 'oidc-provider'
import { fixedSeconds } from '../clients/lifetimes.ts'
import { errors } from '../library/faults.ts'
import type { Payload } from '../library/stored-models.ts'
import { grantSource } from './grant-source.ts'
import { revealSuccessor, type Use } from './successor.ts'
import type { Unit } from './unit.ts'

/**
 * Lets a refresh with a token that was rotated a moment ago go on as if it were unused, up to the write, which it
 * loses; `answerLostRefresh` then decides. Elsewhere, and later, a used token is a used token.
 */
export function withGrace(
  payload: Payload | undefined,
  route: string | undefined,
  nowSeconds: number,
): Payload | undefined {
  const { consumed, ...rest } = payload ?? {}
  if (route !== 'token' || typeof consumed !== 'number' || nowSeconds - consumed > fixedSeconds.rotationGrace)
    return payload
  return rest
}

/**
 * A token request lost the race for what it exchanges: another used that first. A refresh may be a second tab or a lost
 * answer: while nobody has used the successor, and for up to 30 s, it gets that same successor, so that a family never
 * forks. Everything else is a second use, whether it is seen when the value is read or when it is written: something
 * stolen is in play, and the whole family ends, with what the first one got (RFC 6749 §4.1.2, RFC 9700 §4.14.2).
 */
export async function answerLostRefresh(ctx: KoaContextWithOIDC, unit: Unit, nowSeconds: number): Promise<void> {
  const source = grantSource(ctx)
  const used = source && (await unit.useOf(source.model, source.value))
  if (source?.model === 'RefreshToken' && (await repeat(ctx, unit, { used, value: source.value, nowSeconds }))) return
  refuse(ctx)
  // The family was ended between the read and the write: nobody used anything twice.
  if (!source || !used?.grant_id || used.consumed === null) return
  const error = new errors.InvalidGrant(source.reused)
  ctx.oidc.provider.emit('grant.error', ctx, error)
  ctx.oidc.provider.emit('grant.revoked', ctx, used.grant_id)
  await unit.endGrant(used.grant_id)
}

/** Answers the successor that the winner got, where that may be; false where it is a second use. */
async function repeat(
  ctx: KoaContextWithOIDC,
  unit: Unit,
  { used, value, nowSeconds }: { used: Use | undefined; value: string; nowSeconds: number },
): Promise<boolean> {
  const body = ctx.body as Record<string, unknown> | undefined
  const isRecent = typeof used?.consumed === 'number' && nowSeconds - used.consumed <= fixedSeconds.rotationGrace
  if (!isRecent || used.successor === null || body?.['refresh_token'] === undefined) return false
  const successor = revealSuccessor(value, used.successor)
  if ((await unit.useOf('RefreshToken', successor))?.consumed !== null) return false
  await unit.flushWithout('RefreshToken')
  body['refresh_token'] = successor
  return true
}

function refuse(ctx: KoaContextWithOIDC): void {
  ctx.status = 400
  ctx.body = { error: 'invalid_grant', error_description: 'grant request is invalid' }
}
