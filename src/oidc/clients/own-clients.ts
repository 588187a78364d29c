const prefixes = ['menshen-', 'sandbox-']

/**
 * What the id of a client that the server brings along begins with; undefined for every other id. SECURITY: seed files
 * cannot register such an id, so nobody takes the place of the account pages.
 */
export function ownPrefixOf(clientId: string): string | undefined {
  return prefixes.find((prefix) => clientId.startsWith(prefix))
}

/** Whether the server brings this client along; it is in no table and nobody changes it. */
export function isOwnClient(clientId: string): boolean {
  return ownPrefixOf(clientId) !== undefined
}
