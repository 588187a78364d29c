import { undoableMerges } from '../accounts/merged-users.ts'
import type { Unmerged } from '../accounts/unmerge.ts'
import { isId, type MergeId } from '../base/ids.ts'
import type { Core } from '../build/core.ts'
import type { CommandContext } from './command.ts'
import { confirmed } from './confirm.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson } from './output.ts'
import { userNamed } from './user-named.ts'
import { mergingOf, orRefuse, withEvidence } from './users-merge-command.ts'

/** `users unmerge`: takes a merge back. Named by the merge, by the user that went, or by the one that stayed. */
export async function unmerge(context: CommandContext): Promise<number> {
  const [typed = ''] = context.args
  return withEvidence(context, (evidence) =>
    withCore(context, async (core) => {
      const id = isId('mrg', typed) ? typed : await mergeOf(core, typed)
      if (!isId('mrg', id)) return refuse(context, id)
      const actor = { operator: operatorOf(context), evidence }
      const isDryRun = context.flags['dry-run'] === true
      const merges = mergingOf(core)
      return orRefuse(context, () =>
        confirmed(context, `Make two users again of what ${typed} has become?`, async () => {
          const undone = await (isDryRun ? merges.tryUnmerge(id, actor) : merges.unmerge(id, actor))
          return tell(context, undone, { isDryRun })
        }),
      )
    }),
  )
}

/** The one merge that a user took part in and that can be taken back, or why there is not one. */
async function mergeOf(core: Core, typed: string): Promise<MergeId | string> {
  const user = await userNamed(core, typed)
  if (user === undefined || typeof user === 'string') return user ?? `there is no user "${typed}"`
  const found = await undoableMerges(core.database, user.user.id, new Date(core.clock()))
  const meant = found.filter(({ from }) => from === typed)
  const [only, ...others] = meant.length > 0 ? meant : found
  if (!only) return `no merge into ${user.user.id} can be taken back`
  if (others.length > 0) return `several can be taken back, say which: ${found.map(({ from }) => from).join(' ')}`
  return only.id
}

function tell(
  { flags, stdout, stderr }: CommandContext,
  undone: Unmerged,
  { isDryRun }: { readonly isDryRun: boolean },
) {
  const { id, into, from, back, missing } = undone
  if (flags['json'] === true) {
    const changes = isDryRun ? { would_change: true } : { merge: id }
    printJson(stdout, { changed: !isDryRun, into, from, identities_back: back.length, missing, ...changes })
  } else {
    const verb = isDryRun ? 'would take' : 'took'
    stdout.write(`${verb} ${from} out of ${into} again, with ${back.length} ways in\n`)
  }
  if (missing.length > 0)
    stderr.write(`not given back, because others have it by now, or nobody: ${missing.join(' ')}\n`)
  return isDryRun ? 3 : 0
}
