import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import type { Sealing } from '../../src/store/seal.ts'
import type { SharedTexts } from './connector.ts'

interface Dependencies extends Sealing {
  readonly store: EphemeralStore
}

/**
 * Texts that every process shares through the store. SECURITY: they are stored sealed, because anybody who has such a
 * token can call the vendor as we do.
 */
export function sharedTexts({ store, mac, seal, open }: Dependencies): SharedTexts {
  const underWay = new Map<string, Promise<string>>()
  const keyOf = (name: string) => `shared:${mac(name)}`

  async function kept(name: string): Promise<string | undefined> {
    const sealed = await store.get<string>(keyOf(name))
    return sealed === undefined ? undefined : open(sealed)
  }

  async function made(name: string, make: Parameters<SharedTexts['get']>[1]): Promise<string> {
    const known = await kept(name)
    if (known !== undefined) return known
    const { text, ttlSeconds } = await make()
    await store.set(keyOf(name), seal(text), ttlSeconds)
    return text
  }

  return {
    get(name, make) {
      const running = underWay.get(name)
      if (running) return running
      const begun = made(name, make).finally(() => underWay.delete(name))
      underWay.set(name, begun)
      return begun
    },
    async forget(name, text) {
      if ((await kept(name)) === text) await store.delete(keyOf(name))
    },
  }
}
