import type { Sealer } from '../../store/seal.ts'
import { type Catalog, type StoredClient, secretContext } from './catalog.ts'
import { differences, type FieldChange, secretChange } from './client-diff.ts'
import type { PresetUse } from './presets.ts'
import type { SeedClient, Seeds } from './seed-file.ts'

/** `leftover`: registered, but in no file; `remove` when it is to be pruned. */
export type PlanAction = 'create' | 'change' | 'keep' | 'remove' | 'leftover'

/** What happens to one client or resource. */
export interface PlanItem {
  readonly kind: 'client' | 'resource'
  readonly id: string
  readonly action: PlanAction
  readonly changes: readonly FieldChange[]
  /** What the preset of a client sets, where it names one. */
  readonly preset?: PresetUse
}

/** How a plan is made. */
export interface PlanOptions {
  readonly prune: boolean
  readonly sealer: Sealer
}

/** The steps that make what is registered equal to the files: resources first, each kind in the order of the files. */
export function planChanges(
  catalog: Catalog,
  { resources, clients }: Seeds,
  { prune, sealer }: PlanOptions,
): PlanItem[] {
  const planned = [
    ...resources.map(({ seed }) => {
      const before = catalog.resources.get(seed.resource)
      return item('resource', seed.resource, before && differences(before.seed, seed))
    }),
    ...clients.map((client) => {
      const { seed, preset } = client
      const before = catalog.clients.get(seed.client_id)
      const secret = before && isSecretChanged(before, client, sealer) ? [secretChange] : []
      const changes = before && [...differences(before.seed, seed), ...secret]
      return { ...item('client', seed.client_id, changes), ...(preset && { preset }) }
    }),
  ]
  const named = new Set(planned.map(({ kind, id }) => `${kind} ${id}`))
  const registered = [
    ...[...catalog.resources.keys()].map((id) => ({ kind: 'resource', id }) as const),
    ...[...catalog.clients.keys()].map((id) => ({ kind: 'client', id }) as const),
  ]
  const action = prune ? ('remove' as const) : ('leftover' as const)
  const rest = registered.filter(({ kind, id }) => !named.has(`${kind} ${id}`))
  return [...planned, ...rest.map((each) => ({ ...each, action, changes: [] }))]
}

/** Whether carrying out the plan writes anything. */
export function hasChanges(plan: readonly PlanItem[]): boolean {
  return plan.some(({ action }) => action !== 'keep' && action !== 'leftover')
}

function item(kind: PlanItem['kind'], id: string, changes: readonly FieldChange[] | undefined): PlanItem {
  if (!changes) return { kind, id, action: 'create', changes: [] }
  return { kind, id, action: changes.length > 0 ? 'change' : 'keep', changes }
}

/** A secret that no longer opens, because the master key was lost, counts as changed when the file gives one. */
function isSecretChanged({ sealedSecret, seed }: StoredClient, { secret }: SeedClient, sealer: Sealer): boolean {
  if (secret.kind === 'none') return sealedSecret !== undefined
  if (sealedSecret === undefined) return true
  if (secret.kind === 'generate') return false
  try {
    return sealer.open(sealedSecret, secretContext(seed.client_id)) !== secret.secret.reveal()
  } catch {
    return true
  }
}
