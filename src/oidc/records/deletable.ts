import { durableModels } from '../library/stored-models.ts'

/** How long somebody is told that a code or an access token has expired, instead of that there is none. */
const toldExpiredSeconds = 60
/** How long logins stay readable that have run out; after that the audit alone says why. */
const keptAfterExpirySeconds = 3600

const { Session, DeviceCode, AuthorizationCode, AccessToken, ClientCredentials } = durableModels

/** SQL of what says when a row may be deleted: its model, its user, and its end in seconds since the epoch. */
interface Ends {
  readonly model: string
  readonly userId: string
  readonly expires: string
}

/**
 * From when on a row may be deleted, as SQL of seconds since the epoch. Codes and access tokens go soon: one that has
 * ended is refused whatever became of it, and there are many. SECURITY: so do sessions and device codes of nobody, of
 * which any stranger can make many, and which nobody misses.
 */
export function deletableSql({ model, userId, expires }: Ends): string {
  return `(${expires} + case when ${model} in (${AuthorizationCode}, ${AccessToken}, ${ClientCredentials})
    or ${userId} is null and ${model} in (${Session}, ${DeviceCode})
    then ${toldExpiredSeconds} else ${keptAfterExpirySeconds} end)`
}
