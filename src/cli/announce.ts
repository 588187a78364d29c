import type { LoadedConfig } from '../config/config.ts'
import type { CommandContext } from './command.ts'

/** What a person needs to know at the start, in few lines; for machines it is in the log. */
export function announce(
  { config, warnings }: LoadedConfig,
  { port, metrics }: { readonly port: number; readonly metrics: string | undefined },
  { stdout }: Pick<CommandContext, 'stdout'>,
): void {
  const { issuer, server, sandbox } = config
  const at = new URL(issuer).port === String(port) ? '' : ` (listening on ${server.host}:${port})`
  const lines = [
    `Menshen is ready at ${issuer}${at}`,
    ...(sandbox ? [`  demo       ${issuer}/sandbox`, `  SMS codes  ${issuer}/sandbox/outbox`] : []),
    ...(metrics ? [`  metrics    http://${metrics}/metrics`] : []),
    ...(warnings.length > 0 ? ['not fit for production:'] : []),
    ...warnings.map(({ line, setting }) => `  - ${line} (${setting})`),
  ]
  stdout.write(`${lines.join('\n')}\n`)
}
