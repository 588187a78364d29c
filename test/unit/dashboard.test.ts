import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../src/ops/metrics.ts'

interface Dashboard {
  readonly panels: readonly {
    readonly id: number
    readonly title: string
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}

const path = new URL('../../docs/grafana/abuse.json', import.meta.url)
const { panels } = JSON.parse(readFileSync(path, 'utf8')) as Dashboard
const targets = panels.flatMap((panel) => panel.targets)
/** The labels of each metric, by its name. */
const labels = new Map(
  Object.values(createMetrics()).flatMap((metric) =>
    'labelNames' in metric && 'name' in metric
      ? [[String(metric.name), metric.labelNames as readonly string[]] as const]
      : [],
  ),
)

describe('the dashboard for Grafana', () => {
  test('has panels, each with a number and a title of its own', () => {
    expect(panels.length).toBeGreaterThan(8)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
  })

  test.each(targets.map(({ expr }) => expr))('asks for metrics that there are: %s', (expr) => {
    const named = expr.match(/menshen_\w+/g) ?? []
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((name) => !labels.has(name))).toEqual([])
  })

  test.each(targets)('groups and names by labels that the metric has: $expr', ({ expr, legendFormat }) => {
    const [name = ''] = expr.match(/menshen_\w+/) ?? []
    const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, inside = '']) => inside.split(/, */))
    const selected = [...expr.matchAll(/[{,](\w+)=/g)].map(([, label]) => label)
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label)
    expect(shown.filter((label) => !grouped.includes(label as string))).toEqual([])
    expect([...grouped, ...selected].filter((label) => !labels.get(name)?.includes(label as string))).toEqual([])
  })

  test('shows every metric about abuse', () => {
    const all = targets.map(({ expr }) => expr).join(' ')
    expect([...labels.keys()].filter((name) => name.startsWith('menshen_abuse_') && !all.includes(name))).toEqual([])
  })
})
