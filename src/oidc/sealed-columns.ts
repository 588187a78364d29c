import { sealedCredentials } from '../accounts/kept-credentials.ts'
import { sealedOwnerMessages } from '../accounts/owner-messages.ts'
import { sealedIdentityChanges } from '../accounts/waiting-changes.ts'
import { sealedExports } from '../own-data/exports.ts'
import type { SealedColumn } from '../store/reseal.ts'
import { sealedClientSecrets } from './clients/catalog.ts'
import { sealedKeys } from './keys/signing-keys.ts'
import { sealedDeviceCodes } from './records/device-code.ts'

/** Every column that is sealed by the master key, for `keys reseal` and `doctor`. */
export const sealedColumns: readonly SealedColumn[] = [
  sealedKeys,
  sealedClientSecrets,
  ...sealedCredentials,
  sealedDeviceCodes,
  sealedOwnerMessages,
  sealedIdentityChanges,
  sealedExports,
]
