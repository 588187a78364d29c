import { formatDuration } from '../base/duration.ts'
import type { Core } from '../build/core.ts'
import { jwksCacheSeconds, type KeyInfo, type KeyStep, nextStep, silenceSeconds } from '../oidc/keys/key-life.ts'
import { beginRotation, type Retired, retireKey } from '../oidc/keys/key-rotation.ts'
import { listKeys } from '../oidc/keys/signing-keys.ts'
import { sealedColumns } from '../oidc/sealed-columns.ts'
import { reseal as resealAll } from '../store/reseal.ts'
import { awaitServers } from './await-servers.ts'
import type { CommandContext } from './command.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson, tableText } from './output.ts'

const uses = { sig: 'tokens', cookie: 'cookies' } as const

/** `keys list`: the keys, their states and what happens next, never the keys. */
export async function list(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  return withCore(context, async (core) => {
    const keys = await listKeys(core.database.knex)
    const steps = keys.map((key) => ({ key, next: nextStep(key, keys, rulesOf(core)) }))
    if (flags['json'] === true) {
      printJson(
        stdout,
        steps.map(({ key, next }) => ({ ...keyJson(key), next_step: next ? { step: next.step, at: next.at } : null })),
      )
      return 0
    }
    const rows = steps.map(({ key, next }) => [key.id, uses[key.use], key.alg, key.state, since(key), stepText(next)])
    stdout.write(tableText(['id', 'for', 'algorithm', 'state', 'since', 'next'], rows))
    if (keys.length === 0) stderr.write('the first start of the server makes the keys\n')
    return 0
  })
}

/** `keys rotate`: publishes the successors; the servers do the rest. */
export async function rotate(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  return withCore(context, async (core) => {
    const use = flags['cookies'] === true ? 'cookie' : 'sig'
    const { next, hasBegun } = await beginRotation(use, changeOf(core, context))
    const steps = next.map((key) => ({ key, at: nextStep(key, next, rulesOf(core))?.at }))
    if (flags['json'] === true) {
      printJson(
        stdout,
        steps.map(({ key, at }) => ({ ...keyJson(key), signs_at: at })),
      )
    } else {
      const rows = steps.map(({ key, at }) => [key.id, uses[key.use], key.alg, key.createdAt, at])
      stdout.write(tableText(['id', 'for', 'algorithm', 'published', 'signs from'], rows))
    }
    const first = steps.flatMap(({ at }) => at ?? []).toSorted((a, b) => a.getTime() - b.getTime())[0]
    if (!hasBegun) stderr.write(`a rotation is already under way; the next key signs at ${first?.toISOString()}\n`)
    stderr.write('running servers need no restart; until then the present keys sign\n')
    return awaitServers(core, context)
  })
}

/** `keys retire`: replaces a key in a way that breaks nothing, or at once with `--now`, and says what that costs. */
export async function retire(context: CommandContext): Promise<number> {
  const { flags, args, stdout, stderr } = context
  const id = args[0] ?? ''
  return withCore(context, async (core) => {
    const now = flags['now'] === true
    const retired = await retireKey(id, { now }, changeOf(core, context))
    if (!retired) return refuse(context, `there is no key "${id}"; menshen keys list shows all`)
    const { key, removed, successor } = retired
    if (!removed && !successor) {
      return refuse(
        context,
        `${id} no longer signs and is removed at ${key.removeAt?.toISOString()}, or now with --now`,
      )
    }
    if (flags['json'] === true) {
      printJson(stdout, { ...keyJson(key), removed, successor: successor ? keyJson(successor) : null })
    } else stdout.write(`${removed ? 'removed' : 'retiring'} ${id}\n`)
    for (const line of consequences(retired, core)) stderr.write(`${line}\n`)
    return awaitServers(core, context)
  })
}

/** `keys reseal`: seals everything under the current master key, so that earlier ones are no longer needed. */
export async function reseal(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  return withCore(context, async (core) => {
    const { database, sealer } = core
    const done = await database.maintenance((knex) => resealAll({ knex, sealer, columns: sealedColumns }))
    if (flags['json'] === true) printJson(stdout, done)
    else {
      const rows = done.map(({ place, resealed, shut }) => [place, resealed, shut])
      stdout.write(tableText(['what', 'sealed again', 'cannot be opened'], rows))
    }
    const shut = done.reduce((sum, each) => sum + each.shut, 0)
    if (shut > 0) return refuse(context, `${shut} values need a master key that is not in previous_secret_keys`)
    stderr.write(
      'once every server seals with this master key, you may remove the earlier ones from previous_secret_keys\n',
    )
    return 0
  })
}

function consequences({ key, removed, successor }: Retired, core: Core): string[] {
  const at = successor && nextStep(successor, [successor], rulesOf(core))?.at.toISOString()
  if (!removed) return [`${successor?.id} takes over at ${at}; it signs until then and verifies for some time after`]
  if (key.state === 'next') return ['it has signed nothing']
  const signs = successor ? [`${successor.id} signs from now on`] : []
  if (key.use === 'cookie') return [...signs, 'browsers whose cookie it signed are signed out within seconds']
  return [
    ...signs,
    'the tokens it signed are refused by an API as soon as that reads the keys again: ' +
      `most within ${formatDuration(jwksCacheSeconds)}; its ID tokens no longer serve as id_token_hint`,
    ...(successor ? ['an API that has not read the keys since may refuse new tokens until it does'] : []),
    `a server that has lost the database is not ready, and still goes on for ${formatDuration(silenceSeconds)} ` +
      'at most: stop it',
  ]
}

function rulesOf({ config }: Core) {
  return { options: config.keys, lifetimes: config.lifetimes }
}

function changeOf(core: Core, context: CommandContext) {
  const { database, sealer, clock, log } = core
  return { database, sealer, clock, log, operator: operatorOf(context), rules: rulesOf(core) }
}

function keyJson({ id, use, alg, state, createdAt, activatedAt, retiredAt, removeAt }: KeyInfo) {
  const times = { activated_at: activatedAt ?? null, retired_at: retiredAt ?? null, remove_at: removeAt ?? null }
  return { id, use, alg, state, created_at: createdAt, ...times }
}

function since({ state, createdAt, activatedAt, retiredAt }: KeyInfo): Date | undefined {
  return { next: createdAt, current: activatedAt, previous: retiredAt }[state]
}

const stories = {
  publish_successor: 'successor published',
  stop_signing: 'signs until',
  sign: 'signs from',
  remove: 'removed',
} as const satisfies Record<KeyStep['step'], string>

/** What happens to a key next, in the words of `keys list`. */
export function stepText(next: KeyStep | undefined): string {
  return next ? `${stories[next.step]} ${next.at.toISOString()}` : 'signs until menshen keys rotate'
}
