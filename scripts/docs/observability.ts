import { auditEvents } from '../../src/ops/audit.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { markdownTable } from './markdown.ts'

const ownPrefix = 'menshen_'

/** What a server tells about itself: its metrics, its audit events and the line of a request, as Markdown. */
export function observabilityMarkdown(): string {
  const metrics = createMetrics().registry.getMetricsAsArray() as readonly unknown[] as readonly Metric[]
  const own = metrics.filter(({ name }) => name.startsWith(ownPrefix))
  return `${[
    '# What a server tells',
    '',
    'Written by `npm run docs` from `src/ops/metrics.ts` and `src/ops/audit.ts`; do not edit. [operations.md](operations.md) says',
    'which of it should wake somebody.',
    '',
    '## Metrics',
    '',
    '`GET /metrics` at `ops.metrics`, in the format of Prometheus. Beside these there are those of every Node process, `process_…` and `nodejs_…`.',
    '',
    ...markdownTable(
      ['name', 'type', 'labels', 'what is measured'],
      own.map(({ name, type, labelNames, help }) => [code(name), type, labelNames.map(code).join(', '), cell(help)]),
    ),
    '',
    '## Audit events',
    '',
    'Rows of `audit_events`, kept for `ops.audit_retention`: `at`, `event`, `user_id`, `client_id`, `identity_provider`, `ip`, `request_id` and',
    '`detail`. No row has a phone number, an e-mail address, a code or a token; of tokens that ended there are digests. What can be had again and again for nothing is kept once a minute.',
    '',
    ...markdownTable(
      ['event', 'what has happened'],
      Object.entries(auditEvents).map(([name, what]) => [code(name), cell(what)]),
    ),
  ].join('\n')}\n`
}

/** The types of prom-client do not tell of the labels. */
interface Metric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames: readonly string[]
}

function code(text: string): string {
  return `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
