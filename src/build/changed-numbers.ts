import type { AttemptMemories } from '../../interactions/attempt-memory.ts'
import { ContestedChanges } from '../../interactions/contested-changes.ts'
import { NumberChanges } from '../../interactions/number-changes.ts'
import type { NumberDoubts } from '../../interactions/number-doubts.ts'
import type { NumberOwners } from '../../interactions/number-owners.ts'
import { WaitingChanges } from '../accounts/waiting-changes.ts'
import type { EndRecords } from '../oidc/endings/endings.ts'
import { keyedStore } from '../store/keyed-store.ts'
import type { Core } from './core.ts'

type Given = ConstructorParameters<typeof NumberChanges>[0]

interface Parts {
  readonly attempts: Given['attempts']
  readonly memories: AttemptMemories
  readonly doubts: NumberDoubts
  readonly owners: Pick<NumberOwners, 'disown'>
  readonly bindings: { readonly methods: Given['methods'] }
  readonly passwords: { readonly has: Given['hasPassword'] }
  readonly end: EndRecords
}

/** Seconds for which it is kept that the old number was proved, as long as any proof counts. */
const keptSeconds = 600

/** Builds what changes numbers and addresses, and what does those that have waited. */
export function buildNumberChanges(
  core: Core,
  { passwords, end, bindings, attempts, memories, doubts, owners }: Parts,
) {
  const { config, database, clock, store, sealer, directory, audit, queueOwnerMessage: tell } = core
  const waiting = new WaitingChanges({
    ...{ database, clock, sealer, tell },
    end: (transaction, userId, by) => end(userId, { kind: 'by', by }, { reason: 'identity_removed' }, transaction),
  })
  const kept = keyedStore(store, (key) => `change:${sealer.mac('change', key)}`)
  const changes = new NumberChanges({
    ...{ attempts, memories, methods: bindings.methods, directory, waiting, database, audit },
    contested: new ContestedChanges({ directory, memories, doubts, owners, clock }),
    hasPassword: passwords.has,
    kept: {
      load: (id) => kept.get(id),
      save: (id, passed) => kept.set(id, passed, keptSeconds),
      forget: (id) => kept.delete(id),
    },
    options: { clock, waitSeconds: config.accounts.change_wait, end, tell },
  })
  return { changes, applyDue: () => changes.applyDue() }
}
