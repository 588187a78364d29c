import { relative } from 'node:path'
import type { LoadedConfig } from '../config/config.ts'
import type { CommandContext } from './command.ts'

/** Says at once that something happens, because the first start takes some seconds to make the database. */
export function announceStart({ config }: LoadedConfig, { stdout, cwd }: Pick<CommandContext, 'stdout' | 'cwd'>): void {
  const folder = relative(cwd, config.data_dir)
  const shown = folder.startsWith('..') ? config.data_dir : `./${folder}`
  const data = config.database.url === undefined ? ` with its data in ${shown}` : ''
  stdout.write(`Menshen is starting${data}\n`)
}

/** What a person needs to know at the start, in few lines; for machines it is in the log. */
export function announce(
  { config, warnings }: LoadedConfig,
  { port, metrics }: { readonly port: number; readonly metrics: string | undefined },
  { stdout }: Pick<CommandContext, 'stdout'>,
): void {
  const { issuer, server, sandbox, ops } = config
  const at = new URL(issuer).port === String(port) ? '' : ` (listening on ${server.host}:${port})`
  const lines = [
    `Menshen is ready at ${issuer}${at}`,
    ...(sandbox ? [`  demo       ${issuer}/sandbox`, `  SMS codes  ${issuer}/sandbox/outbox`] : []),
    ...(metrics ? [`  metrics    http://${metrics}/metrics`] : []),
    ...(!metrics && ops.metrics !== 'off'
      ? [`  metrics    none, because another process listens on ${ops.metrics} (MENSHEN_OPS__METRICS)`]
      : []),
    ...(warnings.length > 0 ? ['not fit for production:'] : []),
    ...warnings.map(({ line, setting }) => `  - ${line} (${setting})`),
  ]
  stdout.write(`${lines.join('\n')}\n`)
}
