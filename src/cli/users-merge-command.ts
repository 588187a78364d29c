import { identityLimit } from '../accounts/identity-limit.ts'
import type { Merged } from '../accounts/merge.ts'
import { type MergeChoices, olderOf } from '../accounts/merge-collisions.ts'
import type { Account } from '../accounts/user.ts'
import { AppError } from '../base/errors.ts'
import { type IdentityId, isId, type UserId } from '../base/ids.ts'
import type { Core } from '../build/core.ts'
import { type MergeActor, type Merging, merging } from '../oidc/endings/merging.ts'
import type { CommandContext } from './command.ts'
import { confirmed } from './confirm.ts'
import { askOrConfirm, type WantedMerge } from './merge-requests.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson } from './output.ts'
import { userNamed } from './user-named.ts'

/** Why a merge, or taking one back, is refused. */
const refusals: Readonly<Record<string, string>> = {
  'attempt.expired': 'one of the two was deleted, or became part of another user, at this moment',
  'merge.same': 'both are the same user',
  'merge.unfit': 'one of the two is locked or on its way out: unlock it, or undo its deletion, first',
  'merge.undecided':
    'together they have more ways in of a provider than one user may have: say with --identities which of those stay',
  'merge.over': 'that merge can no longer be taken back, or was taken back before',
  'merge.later_first': 'the user has become part of another one since: take that back first',
  'merge.nothing_left': 'one of the two would be left without a way in',
}

/** Of a merge with its `Merging`, in words of operators. */
export function mergingOf({ database, clock, config, queueOwnerMessage: tell }: Core): Merging {
  const limitOf = identityLimit(config.identities_per_provider)
  return merging({ database, clock, limitOf, tell })
}

/** What was said with `--evidence`; refuses when nothing was. */
export async function withEvidence(context: CommandContext, work: (evidence: string) => Promise<number>) {
  const said = context.flags['evidence']
  const evidence = typeof said === 'string' ? said.trim() : ''
  return evidence === ''
    ? refuse(context, 'say what shows that both are one person’s: --evidence TEXT, for the audit')
    : work(evidence)
}

/** Does it, or says in words of operators why not. */
export async function orRefuse(context: CommandContext, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    const reason = error instanceof AppError ? refusals[error.code] : undefined
    if (reason === undefined) throw error
    return refuse(context, reason)
  }
}

/** `users merge`: makes one of two users, because an operator vouches for it. */
export async function merge(context: CommandContext): Promise<number> {
  const [first = '', second = ''] = context.args
  return withEvidence(context, (evidence) =>
    withCore(context, async (core) => {
      const found = await Promise.all([first, second].map((typed) => userNamed(core, typed)))
      const [a, b] = found
      for (const [index, each] of found.entries()) {
        if (typeof each === 'string' || each === undefined)
          return refuse(context, each ?? `there is no user "${context.args[index]}"`)
      }
      return order(context, core, { a: a as Account, b: b as Account, evidence })
    }),
  )
}

interface Named {
  readonly a: Account
  readonly b: Account
  readonly evidence: string
}

async function order(context: CommandContext, core: Core, { a, b, evidence }: Named): Promise<number> {
  const { flags } = context
  if (a.user.id === b.user.id) return tellNothing(context, a.user.id)
  const named = async (flag: string) => {
    const typed = flags[flag]
    const user = typeof typed === 'string' ? await userNamed(core, typed) : undefined
    const id = typeof user === 'object' ? user.user.id : undefined
    if (typeof typed === 'string' && id !== a.user.id && id !== b.user.id)
      throw new Error(`--${flag} has to name one of the two users`)
    return id
  }
  const into = (await named('keep')) ?? olderOf(a, b).user.id
  const from = into === a.user.id ? b.user.id : a.user.id
  const said = flags['identities']
  const identities = typeof said === 'string' ? said.split(',').map((each) => each.trim()) : undefined
  if (identities?.some((each) => !isId('idn', each))) return refuse(context, 'expected ids of identities (idn_…)')
  const choices: MergeChoices = {
    password: await named('password'),
    nickname: await named('nickname'),
    picture: await named('picture'),
    identities: identities as readonly IdentityId[] | undefined,
  }
  const operator = operatorOf(context)
  const wanted = { into, from, choices, evidence, operator }
  return orRefuse(context, () =>
    confirmed(context, `Make ${from} part of ${into}?`, () => carryOut(context, core, wanted)),
  )
}

/** Tries it first, so that nobody is asked for a second time about what cannot be. */
async function carryOut(context: CommandContext, core: Core, wanted: WantedMerge): Promise<number> {
  const merges = mergingOf(core)
  const { operator, evidence } = wanted
  const actor: MergeActor = { operator, evidence }
  const isDryRun = context.flags['dry-run'] === true
  if (isDryRun || core.config.ops.merge_by_two) {
    const tried = await merges.tryMerge(wanted, actor)
    if (tried === 'already') return tellNothing(context, wanted.into)
    if (isDryRun) return tell(context, tried, { isDryRun })
    const asked = await askOrConfirm(core.database, wanted)
    if (asked.kind !== 'confirmed') return tellAsked(context, wanted, asked)
    const { wanted: agreed } = asked
    const first = { operator: agreed.operator, evidence: agreed.evidence, confirmedBy: operator }
    return done(context, await merges.merge(agreed, first), agreed.into)
  }
  return done(context, await merges.merge(wanted, actor), wanted.into)
}

function done(context: CommandContext, merged: Merged | 'already', into: UserId): number {
  return merged === 'already' ? tellNothing(context, into) : tell(context, merged, { isDryRun: false })
}

function tellNothing({ flags, stdout }: CommandContext, into: UserId): number {
  if (flags['json'] === true) printJson(stdout, { changed: false, into })
  else stdout.write('no changes\n')
  return 0
}

function tellAsked(
  context: CommandContext,
  { into, from }: WantedMerge,
  { kind, until }: { readonly kind: 'asked' | 'own'; readonly until: Date },
): number {
  const { flags, stdout } = context
  const expires_at = until.toISOString()
  if (kind === 'own')
    return refuse(context, `you have asked for it yourself: another operator confirms it until ${expires_at}`)
  if (flags['json'] === true) printJson(stdout, { changed: false, requested: true, into, from, expires_at })
  else stdout.write(`asked for; another operator confirms it with the same command until ${expires_at}\n`)
  return 0
}

function tell({ flags, stdout }: CommandContext, merged: Merged, { isDryRun }: { readonly isDryRun: boolean }): number {
  const { id, into, from, moved, leftOut, undoUntil } = merged
  if (flags['json'] === true) {
    const undo = isDryRun ? { would_change: true } : { merge: id, undo_until: undoUntil.toISOString() }
    const identities = { moved_identities: moved.length, left_out: leftOut }
    printJson(stdout, { changed: !isDryRun, into, from, ...identities, ...undo })
  } else {
    const verb = isDryRun ? 'would make' : 'made'
    stdout.write(`${verb} ${from} part of ${into}; ${moved.length} ways in ${isDryRun ? 'would move' : 'moved'}\n`)
    if (!isDryRun) stdout.write(`menshen users unmerge ${from} takes it back until ${undoUntil.toISOString()}\n`)
  }
  return isDryRun ? 3 : 0
}
