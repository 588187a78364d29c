import type { Secret } from '../base/secret.ts'
import type { FieldChange } from '../oidc/clients/client-diff.ts'
import { hasChanges, type PlanAction, type PlanItem } from '../oidc/clients/client-plan.ts'
import { cellText } from './output.ts'

interface Mode {
  readonly isDryRun: boolean
  readonly fileCount: number
  /** Whether everything that no file names is listed. */
  readonly isVerbose: boolean
}

/** How many of the things are listed that no file names, or that stay as they are. */
const shortList = 10

/**
 * A plan as text for people: a line for each client and resource, and below it a line for each field that changes. What
 * no file names is listed in a dry run; afterwards it is only counted, because nothing has happened to it. Of many that
 * stay as they are only the number is told, so that what changes is seen.
 */
export function planText(plan: readonly PlanItem[], { isDryRun, fileCount, isVerbose }: Mode): string {
  const leftovers = plan.filter(({ action }) => action === 'leftover')
  const removed = plan.filter(({ action }) => action === 'remove')
  const named = plan.filter(({ action }) => action !== 'leftover' && action !== 'remove')
  const lines = (items: readonly PlanItem[]) =>
    items.flatMap((item) => [itemLine(item, isDryRun), ...presetLines(item), ...item.changes.map(changeLine)])
  const some = (items: readonly PlanItem[]) => {
    const rest = isVerbose ? 0 : Math.max(0, items.length - shortList)
    const more = rest === 0 ? [] : [`and ${rest} more (--verbose names all)`]
    return [...lines(items.slice(0, items.length - rest)), ...more]
  }
  const kept = named.filter(({ action }) => action === 'keep')
  const isLong = !isVerbose && kept.length > shortList
  const shown = isLong ? named.filter(({ action }) => action !== 'keep') : named
  const rest = isLong ? [`${kept.length} are unchanged (--verbose names all)`] : []
  const told = hasChanges(plan) ? [...lines(shown), ...rest, ...some(removed)] : ['no changes']
  return `${[...told, ...(isDryRun ? some(leftovers) : stayLines(leftovers, fileCount))].join('\n')}\n`
}

function stayLines(leftovers: readonly PlanItem[], fileCount: number): string[] {
  const counts = (['client', 'resource'] as const).flatMap((kind) => {
    const count = leftovers.filter((item) => item.kind === kind).length
    return count === 0 ? [] : [`${count} ${kind}${count === 1 ? '' : 's'}`]
  })
  if (counts.length === 0) return []
  const [are, stay, them] = leftovers.length === 1 ? ['is', 'stays', 'it'] : ['are', 'stay', 'them']
  const files = fileCount === 1 ? 'this file' : 'these files'
  return [`${counts.join(' and ')} ${are} not in ${files} and ${stay} (--prune removes ${them})`]
}

/** The same for machines. */
export function planJson(
  plan: readonly PlanItem[],
  secrets: ReadonlyMap<string, Secret>,
  isDryRun: boolean,
): Readonly<Record<string, unknown>> {
  return {
    has_changes: hasChanges(plan),
    items: plan.map(({ action, ...item }) => ({ ...item, status: statusOf(action, isDryRun).replaceAll(' ', '_') })),
    secrets: Object.fromEntries([...secrets].map(([id, secret]) => [id, secret.reveal()])),
  }
}

/** Secrets that were made, which is the only time anybody sees them. */
export function secretsText(secrets: ReadonlyMap<string, Secret>): string {
  if (secrets.size === 0) return ''
  const lines = [...secrets].map(([id, secret]) => `  ${id}: ${secret.reveal()}`)
  return `secrets made, shown this once:\n${lines.join('\n')}\n`
}

function statusOf(action: PlanAction, isDryRun: boolean): string {
  switch (action) {
    case 'create':
      return 'created'
    case 'change':
      return 'changed'
    case 'keep':
      return 'unchanged'
    case 'remove':
      return isDryRun ? 'would be pruned' : 'pruned'
    case 'leftover':
      return 'would be pruned'
  }
}

function itemLine({ kind, id, action }: PlanItem, isDryRun: boolean): string {
  const hint = action === 'leftover' ? ' (in no file; --prune removes it)' : ''
  return `${statusOf(action, isDryRun)}: ${kind} ${cellText(id)}${hint}`
}

/** What a preset does, for a client that is new or has got another one. */
function presetLines({ action, changes, preset }: PlanItem): string[] {
  if (!preset || !(action === 'create' || changes.some(({ field }) => field === 'preset'))) return []
  const { name, sets, overridden } = preset
  return [
    ...Object.entries(sets).map(([field, value]) => `  ${field}: ${valueText(value)} (preset ${name})`),
    ...overridden.map((field) => `  ${field}: as the file says, and not as preset ${name}`),
  ]
}

function changeLine(change: FieldChange): string {
  const { field, from, to } = change
  if (!('from' in change) && !('to' in change)) return `  ${field}: changed`
  if (Array.isArray(from) && Array.isArray(to)) return `  ${field}: ${listChange(from, to)}`
  if (!('to' in change)) return `  ${field}: ${valueText(from)} removed`
  if (!('from' in change)) return `  ${field}: ${valueText(to)} added`
  return `  ${field}: ${valueText(from)} -> ${valueText(to)}`
}

function listChange(from: readonly unknown[], to: readonly unknown[]): string {
  const [before, after] = [from.map(valueText), to.map(valueText)]
  const removed = before.filter((each) => !after.includes(each)).map((each) => `- ${each}`)
  const added = after.filter((each) => !before.includes(each)).map((each) => `+ ${each}`)
  return removed.length + added.length > 0 ? [...removed, ...added].join(', ') : `order ${before} -> ${after}`
}

const longestText = 200

function valueText(value: unknown): string {
  const text = cellText(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text
}
