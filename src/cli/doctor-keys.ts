import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Secret } from '../base/secret.ts'
import type { Config } from '../config/config.ts'
import { type Catalog, libraryClients, loadCatalog, secretContext } from '../oidc/clients/catalog.ts'
import { introspectors } from '../oidc/clients/client-schema.ts'
import { type KeyInfo, nextStep } from '../oidc/keys/key-life.ts'
import { keyKinds, loadKeys } from '../oidc/keys/signing-keys.ts'
import { sealedColumns } from '../oidc/sealed-columns.ts'
import type { Database } from '../store/postgres.ts'
import { countStale } from '../store/reseal.ts'
import { sealer as buildSealer, type Sealer } from '../store/seal.ts'
import { type Finding, fail, ok, reasonOf, warn } from './doctor-checks.ts'
import { stepText } from './keys-command.ts'

interface Place {
  readonly config: Config
  readonly database: Database
  readonly nowMs: number
}

/** What the master key seals, and the life of the keys below it. */
export async function checkKeys(keys: readonly KeyInfo[], place: Place): Promise<Finding[]> {
  const { config, database } = place
  if (keys.length === 0) return [warn('keys', 'there are none yet', 'the first start of the server makes them')]
  let sealer: Sealer | undefined
  try {
    sealer = sealerOf(config)
    if (sealer) await loadKeys({ database, sealer })
  } catch (error) {
    const advice = 'set MENSHEN_SECRET_KEY to the key that sealed them, or add that one to previous_secret_keys'
    return [fail('secret key', `does not open the stored keys: ${reasonOf(error)}`, advice)]
  }
  if (!sealer) {
    const advice = 'set MENSHEN_SECRET_KEY to the one that sealed them'
    return [fail('secret key', 'there is none, but there are sealed keys', advice)]
  }
  const wrong = keyKinds
    .map(({ alg }) => alg)
    .filter((alg) => keys.filter((key) => key.alg === alg && key.state === 'current').length !== 1)
  const states = keys.map(({ alg, use, state }) => `${use === 'cookie' ? 'cookie' : alg} ${state}`).join(', ')
  return [
    ok('secret key', 'opens the stored keys'),
    wrong.length > 0
      ? fail('keys', `not exactly one current key for ${wrong.join(', ')}: ${states}`, 'look at: menshen keys list')
      : ok('keys', states),
    checkRotation(keys, place),
    ...(await checkPrevious(sealer, place)),
    ...(await checkClients(database, sealer)),
  ]
}

/** Servers take a step within seconds. */
const overdueMs = 600_000

function checkRotation(keys: readonly KeyInfo[], { config, nowMs }: Place): Finding {
  const rules = { options: config.keys, lifetimes: config.lifetimes }
  const steps = keys.flatMap((key) => {
    const next = nextStep(key, keys, rules)
    return next ? [{ text: `${key.id} (${key.alg}) ${stepText(next)}`, atMs: next.at.getTime() }] : []
  })
  const first = steps.toSorted((a, b) => a.atMs - b.atMs)[0]
  if (!first) return ok('rotation', 'only by menshen keys rotate')
  if (first.atMs > nowMs - overdueMs) return ok('rotation', first.text)
  const advice = 'a running server does it: start one, or look in its log for "work in the background failed"'
  return warn('rotation', `overdue: ${first.text}`, advice)
}

async function checkPrevious(sealer: Sealer, { config, database }: Place): Promise<Finding[]> {
  const name = 'previous secret keys'
  if (config.previous_secret_keys.length === 0) return []
  const stale = await database.maintenance((knex) => countStale({ knex, sealer, columns: sealedColumns }))
  if (stale > 0) return [warn(name, `${stale} stored values are sealed under one of them`, 'run: menshen keys reseal')]
  return [ok(name, 'nothing stored needs them; remove them once every server seals with the current one')]
}

async function checkClients(database: Database, sealer: Sealer): Promise<Finding[]> {
  try {
    const catalog = await loadCatalog(database.knex)
    const shut = [...catalog.clients.values()].filter(({ seed, sealedSecret }) => {
      if (sealedSecret === undefined) return false
      try {
        sealer.open(sealedSecret, secretContext(seed.client_id))
        return false
      } catch {
        return true
      }
    })
    if (shut.length > 0) {
      const names = shut.map(({ seed }) => seed.client_id).join(', ')
      return [fail('clients', `the secrets of ${names} do not open`, 'run: menshen clients rotate-secret <client_id>')]
    }
    const count = libraryClients(catalog, sealer).length
    return [
      ok('clients', `${count} clients and ${catalog.resources.size} resources registered`),
      ...checkIntrospectors(catalog),
    ]
  } catch (error) {
    return [fail('clients', reasonOf(error), 'correct or remove that row, then run: menshen clients apply')]
  }
}

/** An API with opaque tokens that nobody may ask about learns nothing from them. */
function checkIntrospectors({ clients, resources }: Catalog): Finding[] {
  const mute = [...resources.values()].filter(
    ({ seed }) => seed.access_token.format === 'opaque' && !introspectors(seed).some((each) => clients.has(each)),
  )
  if (mute.length === 0) return []
  const names = mute.map(({ seed }) => seed.resource).join(', ')
  const advice = 'name the client of the API in access_token.introspected_by'
  return [warn('introspection', `no client may look into the opaque tokens of ${names}`, advice)]
}

/** The master key without making one, as the server would. */
function sealerOf({ secret_key, previous_secret_keys, data_dir }: Config): Sealer | undefined {
  const own = join(data_dir, 'secret.key')
  const key = secret_key ?? (existsSync(own) ? new Secret(readFileSync(own, 'utf8').trim()) : undefined)
  return key && buildSealer({ keys: [key, ...previous_secret_keys] })
}
