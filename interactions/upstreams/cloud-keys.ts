import { type CloudKeys, type KeySource, KeysUnavailable } from '../../src/sms/rotating-keys.ts'
import { upstreamError } from './connector.ts'

/** The keys to sign a call with. Throws `upstream.misconfigured` when there are none. */
export async function keysFrom(source: KeySource): Promise<CloudKeys> {
  try {
    return await source.current()
  } catch (thrown) {
    if (!(thrown instanceof KeysUnavailable)) throw thrown
    throw upstreamError('upstream.misconfigured', { vendorCode: 'no_keys', cause: thrown })
  }
}
