import type { Context } from 'koa'
import type { Locale } from '../src/base/languages.ts'
import type { ClientPolicies } from '../src/oidc/clients/client-policies.ts'
import { scopeWords } from '../src/oidc/clients/scope-words.ts'
import { scopeOfKey } from '../src/oidc/records/consents.ts'

interface Dependencies {
  readonly translate: (ctx: Context, key: string) => string
  readonly locale: (ctx: Context) => Locale
  readonly policies: () => Pick<ClientPolicies, 'api'>
}

/** What people read of a scope in the language of a request, by the key it is decided under. */
export function scopeTexts(
  { translate, locale, policies }: Dependencies,
  ctx: Context,
): (key: string) => { readonly title: string; readonly description: string } {
  return (key) => {
    const { scope, resource } = scopeOfKey(key)
    if (resource !== undefined) return scopeWords(policies().api(resource), scope, locale(ctx))
    return { title: translate(ctx, `scope.${scope}`), description: translate(ctx, `scope.${scope}_about`) }
  }
}
