import { formerIdsOf } from '../accounts/merged-users.ts'
import type { UserId } from '../base/ids.ts'
import { maskIp } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { type AuditFilter, type AuditLine, cursorAt, readAudit, readRequest } from '../ops/audit-reader.ts'
import { cursorText } from '../store/cursor.ts'
import type { CommandContext } from './command.ts'
import { noteLook, refusesFull } from './looked-up.ts'
import { refuse, withCore } from './open-core.ts'
import { type Cell, printJson, tableText } from './output.ts'
import { pageOf, tellNext, timesOf } from './paging.ts'
import { userNamed } from './user-named.ts'

/** Lines that are read at once where all are wanted. */
const batch = 1000

/** `audit`: what happened, the newest first; a page of it, or all as it is read. */
export async function audit(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  const page = pageOf(context)
  if ('problem' in page) return refuse(context, page.problem)
  const times = timesOf(context, 'since', 'until')
  if (typeof times === 'string') return refuse(context, times)
  const refused = refusesFull(context)
  if (refused !== undefined) return refused
  return withCore(context, async (core) => {
    const { user, client, event } = flags
    const account = typeof user === 'string' ? await userNamed(core, user) : undefined
    if (user !== undefined && typeof account !== 'object')
      return refuse(context, account ?? `there is no user "${user}"`)
    const filter: AuditFilter = {
      userIds: typeof account === 'object' ? await allIdsOf(core, account.user.id) : undefined,
      clientId: typeof client === 'string' ? client : undefined,
      event: typeof event === 'string' ? event : undefined,
      ...times,
    }
    const isAll = flags['all'] === true
    const asked = {
      ...(filter.clientId ? { client: filter.clientId } : {}),
      ...(filter.event ? { event: filter.event } : {}),
    }
    const userId = typeof account === 'object' ? account.user.id : undefined
    let { after } = page
    let shown = 0
    for (let isMore = true; isMore; ) {
      const limit = isAll ? batch : page.limit
      const lines = await readAudit(core.database, filter, { after, limit: limit + 1 })
      const rows = lines.slice(0, limit)
      const last = rows.at(-1)
      const next = lines.length > limit && last ? cursorAt(last) : undefined
      if (flags['json'] === true && isAll)
        for (const row of rows) stdout.write(`${JSON.stringify(asJson(context, row))}\n`)
      else if (flags['json'] === true)
        printJson(stdout, { items: rows.map((row) => asJson(context, row)), next: next ? cursorText(next) : null })
      else if (rows.length > 0 || shown === 0)
        stdout.write(
          tableText(
            head,
            rows.map((row) => cellsOf(context, row)),
          ),
        )
      shown += rows.length
      after = next
      isMore = isAll && next !== undefined
    }
    await noteLook(core, context, { command: 'audit', userId, asked, shown })
    tellNext(context, after && cursorText(after))
    return 0
  })
}

/** What was noted of an account before it became part of another one stays under its id. */
async function allIdsOf({ database }: Core, userId: UserId): Promise<readonly UserId[]> {
  return [userId, ...(await formerIdsOf(database, userId))]
}

/** `requests`: what happened under the id that an error page, a log line or an app tells. */
export async function requests(context: CommandContext): Promise<number> {
  const [id = ''] = context.args
  if (!/^[\w-]{1,64}$/.test(id))
    return refuse(context, 'expected a request id, as an error page or a log line tells it')
  const refused = refusesFull(context)
  if (refused !== undefined) return refused
  return withCore(context, async (core) => {
    const lines = await readRequest(core.database, id)
    await noteLook(core, context, { command: 'requests', asked: { request: id }, shown: lines.length })
    if (lines.length === 0)
      return refuse(context, 'the audit has nothing of this request: what changed nothing is in the log alone')
    if (context.flags['json'] === true)
      printJson(
        context.stdout,
        lines.map((line) => asJson(context, line)),
      )
    else
      context.stdout.write(
        tableText(
          head,
          lines.map((line) => cellsOf(context, line)),
        ),
      )
    return 0
  })
}

const head = ['when', 'event', 'user', 'client', 'provider', 'from', 'request', 'detail']

function cellsOf(context: CommandContext, line: AuditLine): Cell[] {
  const { at, event, user_id, client_id, identity_provider, request_id, detail } = line
  const facts = Object.entries(detail).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return [at, event, user_id, client_id, identity_provider, ipOf(context, line), request_id, facts.join(' ')]
}

function asJson(context: CommandContext, line: AuditLine) {
  const { us: _, at, ...rest } = line
  return { ...rest, at: at.toISOString(), ip: ipOf(context, line) ?? null }
}

function ipOf({ flags }: CommandContext, { ip }: AuditLine): string | undefined {
  return flags['full'] === true ? (ip ?? undefined) : maskIp(ip ?? undefined)
}
