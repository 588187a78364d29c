import { z } from 'zod'
import { inLanguage, type Locale } from '../../base/languages.ts'
import { perLanguage } from '../../base/per-language.ts'

/** What people read, by language. A language that is missing reads the nearest that is there. */
const words = (longest: number) =>
  perLanguage(z.string().trim().min(1).max(longest), 'says nothing; leave it out instead')

/** What people read as the name of an API. */
export const titleSchema = words(60)

const scopeToken = z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'is not a scope token')

/** One scope of an API: its name alone, or with what people read on the consent page. */
const scopeSchema = z.union([
  scopeToken,
  z.strictObject({
    name: scopeToken.describe('The scope itself.'),
    title: titleSchema.optional().describe('What the app may do, in a few words; without it people read the name.'),
    description: words(200).optional().describe('The same in a sentence.'),
    required: z.boolean().default(false).describe('Whoever allows the app anything of this API allows this too.'),
  }),
])

/** The scopes of an API, each once. */
export const scopesSchema = z
  .array(scopeSchema)
  .refine((scopes) => new Set(scopes.map(nameOf)).size === scopes.length, 'names a scope twice')

/** One scope as a seed says it. */
export type ScopeSeed = z.output<typeof scopeSchema>

interface Api {
  readonly scopes: readonly ScopeSeed[]
}

/** The scope itself. */
function nameOf(scope: z.input<typeof scopeSchema>): string {
  return typeof scope === 'string' ? scope : scope.name
}

/** The scopes of an API as requests name them. */
export function scopeNames({ scopes }: Api): readonly string[] {
  return scopes.map(nameOf)
}

/** What people read of a scope of an API; the scope itself where the seed says nothing else. */
export function scopeWords(
  api: Api | undefined,
  name: string,
  locale: Locale,
): { readonly title: string; readonly description: string } {
  const { title, description } = scopeOf(api, name) ?? {}
  return { title: inLanguage(title ?? name, locale), description: inLanguage(description ?? '', locale) }
}

/** Whether an API is of no use to an app that is not allowed this scope. */
export function isRequiredScope(api: Api | undefined, name: string): boolean {
  return scopeOf(api, name)?.required ?? false
}

/** What a seed says of a scope beside its name. */
function scopeOf(api: Api | undefined, name: string): Exclude<ScopeSeed, string> | undefined {
  const scope = api?.scopes.find((each) => nameOf(each) === name)
  return typeof scope === 'string' ? undefined : scope
}
