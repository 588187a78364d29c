import { namespacesOf } from '../../interactions/upstreams/connections.ts'
import { type Accepted, acceptIssuer, issuerProblems, listIssuers } from '../accounts/issuers.ts'
import { issuerText, type Namespace } from '../accounts/namespace.ts'
import type { Core } from '../build/core.ts'
import type { CommandContext } from './command.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson, tableText } from './output.ts'

/** `connections list`: what is configured beside what is remembered. */
export async function list(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  return withCore(context, async ({ config, database }) => {
    const namespaces = namespacesIn(config)
    const [problems, remembered] = await Promise.all([
      issuerProblems(database.knex, namespaces),
      database.maintenance((knex) => listIssuers(knex)),
    ])
    const configured = namespaces.map((each) => {
      const known = remembered.find(({ provider }) => provider === each.provider)
      const isRefused = problems.some(({ connection }) => connection === each.connection)
      return {
        ...row(each.provider, known),
        connection: each.connection,
        issuer: issuerText(each),
        is_refused: isRefused,
      }
    })
    const others = remembered
      .filter(({ provider }) => namespaces.every((each) => each.provider !== provider))
      .map((known) => ({ ...row(known.provider, known), connection: null, issuer: null, is_refused: false }))
    const rows = [...configured, ...others]
    if (flags['json'] === true) printJson(stdout, rows)
    else {
      const head = ['connection', 'filed under', 'people of', 'remembered', 'since', 'identities']
      const cells = rows.map((each) => [
        each.connection,
        each.provider,
        each.issuer,
        each.remembered,
        each.since,
        each.identities,
      ])
      stdout.write(tableText(head, cells))
    }
    for (const { connection, detail, advice } of problems) {
      stderr.write(`${[`${connection}: ${detail}`, ...advice.map((line) => `  ${line}`)].join('\n')}\n`)
    }
    return 0
  })
}

/** `connections accept`: an operator vouches that the people are the same. */
export async function accept(context: CommandContext): Promise<number> {
  const { args, flags, stdout, stderr } = context
  const [connection = ''] = args
  const from = typeof flags['from'] === 'string' ? flags['from'] : undefined
  if (from !== undefined && /^(phone|email|username)$/.test(from)) {
    return refuse(context, `${from} belongs to no connection: people prove such identities to this server directly`)
  }
  return withCore(context, async (core) => {
    const namespaces = namespacesIn(core.config)
    const named = namespaces.find((each) => each.connection === connection)
    if (!named) return refuse(context, `there is no connection "${connection}"; menshen connections list shows all`)
    if (named.isStandIn) return refuse(context, `${connection} is on this machine: the sandbox asks nobody about it`)
    if (from === named.provider) return refuse(context, `${from} is what ${connection} is filed under already`)
    const isDryRun = flags['dry-run'] === true
    const decision = { connection, from, operator: operatorOf(context), isDryRun }
    const accepted = (await acceptIssuer(core, namespaces, decision)) as Accepted
    if (flags['json'] === true) printJson(stdout, json(accepted, isDryRun))
    else stdout.write(`${outcome(accepted, isDryRun)}\n`)
    if (accepted.isChanged) for (const line of consequences(accepted, named, from)) stderr.write(`${line}\n`)
    return isDryRun && accepted.isChanged ? 3 : 0
  })
}

function namespacesIn({ connections, sandbox }: Core['config']): Namespace[] {
  return namespacesOf(connections, { allowInsecure: sandbox })
}

function row(provider: string, known: Awaited<ReturnType<typeof listIssuers>>[number] | undefined) {
  const { issuer = null, apps, since = null, identities = 0 } = known ?? {}
  const remembered = issuer === null ? null : issuerText({ issuer, apps: apps ?? [] })
  return { provider, remembered, since, identities }
}

function json({ provider, issuer, before, isChanged, identities, moved, left }: Accepted, isDryRun: boolean) {
  return { provider, issuer, before, changed: isChanged && !isDryRun, identities, moved, left }
}

function outcome({ provider, issuer, before, isChanged }: Accepted, isDryRun: boolean): string {
  if (!isChanged) return 'no changes'
  const was = before === null || before === issuer ? '' : `, and no longer for those of ${before}`
  return `${provider} ${isDryRun ? 'would stand' : 'stands'} for people of ${issuer}${was}`
}

function consequences({ provider, issuer, identities, moved, left }: Accepted, { remedy }: Namespace, from?: string) {
  return [
    ...(from === undefined ? [] : [`${moved} identities of ${from} are filed under ${provider} now`]),
    ...(left > 0 ? [`${left} stay under ${from}: their subjects are somebody's under ${provider} already`] : []),
    `${identities} identities are filed under it: whoever has the same subject at ${issuer} gets into the same account`,
    'this is right if the same people have moved to a new address; if it is another server, team or account, ' +
      `${remedy} instead`,
    'restart every server that has other settings: until then it takes in the people of the earlier issuer',
  ]
}
