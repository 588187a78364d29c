import { listKeys } from '../oidc/keys.ts'
import type { CommandContext } from './command.ts'
import { withCore } from './open.ts'
import { printJson, tableText } from './output.ts'

const uses = { sig: 'tokens', cookie: 'cookies' } as const

/** `keys list`: the keys and their states, never the keys. */
export async function list(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  const keys = await withCore(context, ({ database }) => listKeys(database))
  if (flags['json'] === true) {
    printJson(
      stdout,
      keys.map(({ createdAt, ...key }) => ({ ...key, created_at: createdAt.toISOString() })),
    )
    return 0
  }
  const rows = keys.map(({ id, use, alg, state, createdAt }) => [id, uses[use], alg, state, createdAt])
  stdout.write(tableText(['id', 'for', 'algorithm', 'state', 'created'], rows))
  if (keys.length === 0) stderr.write('the first start of the server makes the keys\n')
  return 0
}
