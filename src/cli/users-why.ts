import { formatDuration } from '../base/duration.ts'
import type { Core } from '../core.ts'
import { loadCatalog } from '../oidc/catalog.ts'
import { clientPolicies } from '../oidc/client-policies.ts'
import { libraryMetadata } from '../oidc/client-schema.ts'
import { type EndingLine, endingsOf, type WhyQuestion } from '../oidc/why-report.ts'
import type { CommandContext } from './command.ts'
import { refuse, withCore } from './open.ts'
import { printJson, tableText } from './output.ts'
import { withUser } from './user-named.ts'

const longestToken = 10_000

/** `users why`: what ended sessions and grants, for support. What is not the id of a session, grant or request names a user. */
export async function why(context: CommandContext): Promise<number> {
  const [what = ''] = context.args
  if (what === '-') {
    const token = await typedToken(context)
    return withCore(context, async (core) => {
      const lines = await asked(core, { token })
      if (lines.length > 0) return tell(context, lines)
      return refuse(context, 'no such token is stored, or nothing has ended it; ask about the user and the client')
    })
  }
  const found = await withCore(context, (core) => asked(core, { id: what }))
  if (found.length > 0) return tell(context, found)
  const { client } = context.flags
  const clientId = typeof client === 'string' ? client : undefined
  return withUser(context, async ({ user }, core) => tell(context, await asked(core, { userId: user.id, clientId })))
}

/** Tokens come by standard input: an argument would stay in the history of the shell and show in the list of processes. */
async function typedToken({ stdin }: CommandContext): Promise<string> {
  let text = ''
  for await (const chunk of stdin ?? []) {
    text += chunk
    if (text.length > longestToken) break
  }
  return text.trim()
}

async function asked(core: Core, question: WhyQuestion): Promise<readonly EndingLine[]> {
  const { database, clock, config } = core
  const catalog = await loadCatalog(database.knex)
  const clients = [...catalog.clients.values()].map(({ seed }) => libraryMetadata(seed, undefined))
  const policies = clientPolicies({ clients, resources: new Map(), defaults: config.lifetimes })
  return endingsOf({ database, policies, clock }, question)
}

function tell({ flags, stdout }: CommandContext, lines: readonly EndingLine[]): number {
  if (flags['json'] === true) {
    const shown = lines.map((line) => ({
      at: line.at.toISOString(),
      event: line.event,
      user_id: line.userId,
      id: line.id,
      client_ids: line.clientIds,
      reason: line.reason,
      limit_seconds: line.limitSeconds ?? null,
      device: line.device,
      ip: line.ip,
      request_id: line.requestId,
      operator: line.operator,
    }))
    printJson(stdout, shown)
    return 0
  }
  const cells = lines.map((line) => [
    line.at,
    line.event,
    sentence(line),
    line.clientIds.join(' '),
    line.device,
    line.operator ?? line.ip,
    line.requestId,
    line.id,
  ])
  stdout.write(tableText(['when', 'event', 'why', 'clients', 'device', 'from', 'request', 'id'], cells))
  return 0
}

const sentences: Readonly<Record<string, string>> = {
  device: 'its owner ended it in the list of devices',
  password_changed: 'the password was changed, and all others signed out',
  password_reset: 'the password was reset',
  logout: 'its owner signed out',
  app: 'the app gave its token back',
  reused: 'a code or refresh token came a second time',
  operator: 'an operator ended it',
  locked: 'an operator locked the user',
  rotated: 'it was replaced by a newer one',
  expired: 'its time was over',
}

function sentence({ reason, limitSeconds = 0 }: EndingLine): string {
  if (reason === 'idle') return `not used for ${formatDuration(limitSeconds)}`
  if (reason === 'max') return `the login was ${formatDuration(limitSeconds)} ago`
  return sentences[reason] ?? reason
}
