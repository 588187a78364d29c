import {
  type ClientSeed,
  holderOf,
  isProtocolScope,
  protocolScopes,
  type ResourceSeed,
  scopesOf,
} from './client-schema.ts'
import { scopeNames } from './scope-words.ts'

/** How many boxes the form of a consent page may send, and how many bytes with all of them ticked. */
export const consentForm = { name: 'scope', most: 200, bytes: 48 * 1024 } as const

/** What the form posts besides its boxes. */
const restBytes = 256

/**
 * Why the consent page of a client would send more than its form may, if the client asked for all that it is registered
 * for; undefined where it fits, and for our own apps and for machines, which ask nobody.
 */
export function consentFormProblem(client: ClientSeed, resources: Iterable<ResourceSeed>): string | undefined {
  if (client.first_party || holderOf(client) === 'machine') return undefined
  const asked = scopesOf(client)
  const isAsked = (scope: string) => asked?.includes(scope) ?? true
  const values = [
    ...(asked ?? protocolScopes).filter(isProtocolScope),
    ...[...resources].flatMap((each) =>
      scopeNames(each).flatMap((scope) => (isAsked(scope) ? [`${each.resource} ${scope}`] : [])),
    ),
  ]
  const bytes = values.reduce(
    (sum, value) => sum + `&${consentForm.name}=${encodeURIComponent(value)}`.length,
    restBytes,
  )
  if (values.length <= consentForm.most && bytes <= consentForm.bytes) return undefined
  const all = asked ? 'its scopes' : 'all scopes there are, because it names none,'
  return `${all} are ${values.length} boxes of ${bytes} bytes on the consent page, which has room for ${consentForm.most} of ${consentForm.bytes}`
}
