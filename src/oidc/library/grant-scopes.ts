import type { Grant } from 'oidc-provider'
import { comparableJson } from '../../store/jsonb.ts'

/** What a grant says of scopes and claims, as the library stores it: what was refused takes precedence. */
export type GrantScopes = Pick<Grant, 'openid' | 'resources' | 'rejected'>

/** One thing that a client may be granted: a scope of the protocol or of an API, or a claim by itself. */
export type Grantable = { readonly scope: string; readonly resource?: string | undefined } | { readonly claim: string }

type Side = Pick<Grant, 'openid' | 'resources'>

/**
 * Has a grant say of each of these whether it is granted or refused, whatever it has said before; answers whether that
 * changed anything. The library only ever adds to either side.
 */
export function settleGrant(
  grant: GrantScopes,
  decisions: readonly { readonly what: Grantable; readonly isGranted: boolean }[],
): boolean {
  const before = comparable(grant)
  const rejected = grant.rejected ?? {}
  grant.rejected = rejected
  for (const { what, isGranted } of decisions) {
    const [into, outOf] = isGranted ? [grant, rejected] : [rejected, grant]
    change(into, what, (names, name) => [...new Set([...names, name])])
    change(outOf, what, (names, name) => names.filter((each) => each !== name))
  }
  return comparable(grant) !== before
}

type Edit = (names: readonly string[], name: string) => string[]

function change(side: Side, what: Grantable, edit: Edit): void {
  if ('claim' in what) {
    side.openid = { ...side.openid, claims: edit(side.openid?.claims ?? [], what.claim) }
    return
  }
  const { scope, resource } = what
  if (resource === undefined) {
    side.openid = { ...side.openid, scope: edit(words(side.openid?.scope), scope).join(' ') }
    return
  }
  side.resources = { ...side.resources, [resource]: edit(words(side.resources?.[resource]), scope).join(' ') }
}

function words(text = ''): string[] {
  return text.split(' ').filter((word) => word !== '')
}

/** Without regard to the order of names, and to what is there and empty. */
function comparable({ openid, resources, rejected }: GrantScopes): string {
  const sides = [{ openid, resources }, rejected ?? {}].map((side) => [
    words(side.openid?.scope).toSorted(),
    (side.openid?.claims ?? []).toSorted(),
    Object.entries(side.resources ?? {}).flatMap(([resource, scopes]) =>
      scopes === '' ? [] : [[resource, words(scopes).toSorted()]],
    ),
  ])
  return comparableJson(sides)
}
