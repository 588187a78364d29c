import type { Format } from './format.ts'
import { auth0Format } from './formats/auth0-format.ts'
import { casdoorFormat } from './formats/casdoor-format.ts'
import { discuzFormat } from './formats/discuz-format.ts'
import { keycloakFormat } from './formats/keycloak-format.ts'
import { logtoFormat } from './formats/logto-format.ts'
import { ownFormat } from './formats/own-format.ts'
import { seedIdentities } from './formats/seed-identities.ts'
import { seedTables } from './formats/seed-tables.ts'
import { supabaseFormat } from './formats/supabase-format.ts'
import { uniIdFormat } from './formats/uni-id-format.ts'
import { wordPressFormat } from './formats/wordpress-format.ts'

/** Every system that accounts can be moved in from, our own first. */
export const formats: readonly Format[] = [
  ownFormat,
  seedTables,
  seedIdentities,
  logtoFormat,
  casdoorFormat,
  keycloakFormat,
  auth0Format,
  supabaseFormat,
  uniIdFormat,
  discuzFormat,
  wordPressFormat,
]
