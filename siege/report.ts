import { figure, table } from '../bench/table.ts'
import { kinds } from './attack.ts'
import type { Decision } from './decision.ts'
import type { Options } from './options.ts'
import type { Aftermath } from './siege.ts'
import { type Place, places } from './vendor.ts'
import { fared, judge } from './verdicts.ts'
import type { Visit } from './visits.ts'

/** One server, by the name that stands over its column, with what came of its siege. */
export interface Column {
  readonly title: string
  readonly aftermath: Aftermath
  readonly decision: Decision | undefined
}

type Caps = Readonly<Record<Place, number>>

/** The whole report for people, as Markdown. */
export function reportText(
  { store, seed, scale, solvers, speed }: Options,
  columns: readonly Column[],
  caps: Caps,
): string {
  const [{ aftermath } = { aftermath: undefined }] = columns
  const parts = [
    `${store}, seed ${seed}, scale ${scale}, solvers ${solvers}, at most ${speed} s in one; ${aftermath?.visits.length ?? 0} people`,
    sideBySide('', columns, moneyRows),
    sideBySide('people', columns, peopleRows),
    sideBySide('messages of attackers, of as many requests', columns, attackerRows),
    sideBySide('the server', columns, serverRows),
    ...columns.map(({ title, aftermath: each }) => `${title}\n\n${goalsText(each, caps)}`),
    ...columns.map(({ title, aftermath: each }) => `${title}: what stood in the way\n\n${refusalsText(each)}`),
  ]
  return `${parts.join('\n\n')}\n`
}

type Rows = readonly (readonly [name: string, of: (column: Column) => string])[]

function sideBySide(head: string, columns: readonly Column[], rows: Rows): string {
  return table(
    [head, ...columns.map(({ title }) => title)],
    rows.map(([name, of]) => [name, ...columns.map(of)]),
  )
}

const messages = ({ aftermath }: Column) => Object.values(aftermath.messages).reduce((sum, each) => sum + each, 0)

const moneyRows: Rows = [
  ['messages sent', (column) => String(messages(column))],
  ['of them to people', ({ aftermath }) => String(aftermath.messages.people ?? 0)],
  ...places.map((place) => [`yuan, ${place}`, ({ aftermath }: Column) => figure(aftermath.yuan[place])] as const),
  ['accounts opened by attackers', ({ aftermath }) => opened(aftermath)],
]

function opened({ loot }: Aftermath): string {
  const all = Object.entries(loot.opened).map(([kind, count]) => `${count} ${kind}`)
  return all.length === 0 ? '0' : all.join(', ')
}

const some: Readonly<Record<string, (visit: Visit) => boolean>> = {
  'with a known device': ({ person }) => person.isKnown,
  'without one': ({ person }) => !person.isKnown,
  'without one, with an account': ({ person }) => !person.isKnown && person.hasAccount,
  'without one, behind a carrier': ({ person }) => !person.isKnown && person.isBehindCarrier,
}

const peopleRows: Rows = [
  ...Object.entries(some).map(
    ([name, is]) =>
      [
        `${name}: got in, p50 and p95 seconds`,
        ({ aftermath }: Column) => {
          const { people, share, p50Seconds, p95Seconds } = fared(aftermath.visits.filter(is))
          const percent = `${(share * 100).toFixed(1)} % of ${people}`
          return `${percent}, ${figure(p50Seconds)}, ${figure(p95Seconds)}`
        },
      ] as const,
  ),
  [
    'asked to solve something',
    ({ aftermath }) => String(aftermath.visits.filter((each) => each.challenges > 0).length),
  ],
  ['in by password', ({ aftermath }) => String(aftermath.visits.filter((each) => each.byPassword).length)],
]

const attackerRows: Rows = kinds
  .filter((kind) => kind !== 'stuffing' && kind !== 'spraying')
  .map((kind) => [kind, ({ aftermath: { messages: sent, loot } }) => `${sent[kind] ?? 0} of ${loot.struck[kind] ?? 0}`])

const serverRows: Rows = [
  ['refresh p50 and p99 before, ms', ({ aftermath: { idle } }) => `${figure(idle.p50Ms)}, ${figure(idle.p99Ms)}`],
  ['and during the siege', ({ aftermath: { siege } }) => `${figure(siege.p50Ms)}, ${figure(siege.p99Ms)}`],
  ['CPU s in the hour', ({ aftermath }) => figure(aftermath.cpuMs / 1000)],
  ['the hour took, s', ({ aftermath }) => figure(aftermath.realSeconds)],
  ['CPU ms of a request for a code', ({ decision }) => figure(decision?.cpuMs ?? Number.NaN)],
  ['its round trips', ({ decision }) => (decision ? String(decision.roundTrips) : '-')],
]

function goalsText(aftermath: Aftermath, caps: Caps): string {
  return table(
    ['goal', 'must', 'measured', ''],
    judge(aftermath, caps).map(({ title, must, measured, met }) => [
      title,
      must,
      figure(measured),
      met ? 'met' : 'NOT met',
    ]),
  )
}

function refusalsText({ loot, visits }: Aftermath): string {
  const ofPeople = new Map<string, number>()
  for (const { isIn, lastRefusal, person } of visits) {
    if (lastRefusal === undefined) continue
    const name = `${person.isKnown ? 'known' : 'unknown'} ${isIn ? 'in after' : 'out by'} ${lastRefusal}`
    ofPeople.set(name, (ofPeople.get(name) ?? 0) + 1)
  }
  const rows = [...ofPeople, ...Object.entries(loot.refused)].toSorted(([, a], [, b]) => b - a)
  return table(
    ['what', 'times'],
    rows.map(([name, count]) => [name, String(count)]),
  )
}
