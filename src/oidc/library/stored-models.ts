/**
 * Models whose loss a person would notice, with their number in the table. The ephemeral ones are listed in
 * adapter.ts.
 */
export const durableModels = {
  Session: 1,
  Grant: 2,
  AuthorizationCode: 3,
  RefreshToken: 4,
  AccessToken: 5,
  ClientCredentials: 6,
  DeviceCode: 7,
} as const

/** The name of a model that is kept in the table of records. */
export type DurableModel = keyof typeof durableModels
/** What the library keeps of one thing, as it hands it over. */
export type Payload = Record<string, unknown> & { jti?: string }
