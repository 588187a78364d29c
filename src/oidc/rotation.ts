import type { KoaContextWithOIDC } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { fixedSeconds } from './lifetimes.ts'
import type { Payload } from './records.ts'
import { revealSuccessor } from './successor.ts'
import type { Unit } from './unit.ts'

/**
 * Lets a refresh with a token that was rotated a moment ago go on as if it were unused, up to the write, which it loses;
 * `settleLostRefresh` then decides. Elsewhere, and later, a used token is a used token.
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
 * A refresh lost the race for its token: another request rotated it first, at this moment or up to 30 s ago. While nobody has used
 * the successor this is a second tab or a lost answer, and it gets that same successor: a family never forks. Once the successor
 * was used, a stolen token is in play and the whole family ends (RFC 9700 §4.14.2).
 */
export async function settleLostRefresh(ctx: KoaContextWithOIDC, unit: Unit, nowSeconds: number): Promise<void> {
  const body = ctx.body as Record<string, unknown> | undefined
  const oldToken = ctx.oidc.params?.['refresh_token']
  const isRefresh = ctx.oidc.params?.['grant_type'] === 'refresh_token' && typeof oldToken === 'string'
  if (!isRefresh || body?.['refresh_token'] === undefined) return refuse(ctx)
  const old = await unit.rotationOf(oldToken)
  const isRecent = typeof old?.consumed === 'number' && nowSeconds - old.consumed <= fixedSeconds.rotationGrace
  const successor = isRecent && old.successor !== null ? revealSuccessor(oldToken, old.successor) : undefined
  if (successor !== undefined && (await unit.rotationOf(successor))?.consumed === null) {
    await unit.flushWithout('RefreshToken')
    body['refresh_token'] = successor
    return
  }
  refuse(ctx)
  // The family was ended between the read and the write: nobody used anything twice.
  if (!old?.grant_id) return
  const error = new errors.InvalidGrant('refresh token already used')
  ctx.oidc.provider.emit('grant.error', ctx, error)
  ctx.oidc.provider.emit('grant.revoked', ctx, old.grant_id)
  await unit.endGrant(old.grant_id)
}

function refuse(ctx: KoaContextWithOIDC): void {
  ctx.status = 400
  ctx.body = { error: 'invalid_grant', error_description: 'grant request is invalid' }
}
