import type { SharedTexts } from '../../interactions/upstreams/connector.ts'

/** For connectors of one process that lives as long as its test: nothing is kept. */
export const unshared: SharedTexts = {
  get: async (_, make) => (await make()).text,
  forget: async () => {},
}
