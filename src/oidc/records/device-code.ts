import type { SealedColumn } from '../../store/reseal.ts'
import type { Sealer } from '../../store/seal.ts'
import { durableModels, type Payload } from '../library/stored-models.ts'

const context = 'DeviceCode'

/** The values of a device code. The library needs them again, and a row has only digests, so they are sealed beside. */
export function sealDeviceCode(sealer: Sealer, { jti, userCode }: Payload): { readonly sealed: string } {
  return { sealed: sealer.seal(JSON.stringify({ jti, userCode }), context) }
}

/** The payload of a stored device code with those values in it. */
export function openDeviceCode(sealer: Sealer, payload: Payload | undefined): Payload | undefined {
  if (!payload) return undefined
  const { sealed, ...rest } = payload
  return { ...rest, kind: 'DeviceCode', ...(JSON.parse(sealer.open(String(sealed), context)) as Payload) }
}

/** Where device codes are sealed. */
export const sealedDeviceCodes: SealedColumn = {
  name: 'device codes',
  table: 'oidc_records',
  id: 'id',
  column: 'payload',
  sealed: `payload::json ->> 'sealed'`,
  where: `model = ${durableModels.DeviceCode}`,
  context: () => context,
  replaced: (payload, sealed) => JSON.stringify({ ...(JSON.parse(payload) as object), sealed }),
}
