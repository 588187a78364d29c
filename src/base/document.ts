/** The name by which an agreement is remembered: `id@version`. */
export function documentVersion({ id, version }: { readonly id: string; readonly version: string }): string {
  return `${id}@${version}`
}
