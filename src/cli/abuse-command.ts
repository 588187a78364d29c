import { readFile } from 'node:fs/promises'
import { unitsOfMoney } from '../abuse/money.ts'
import { maskIp } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { buildAllLimits, buildGuard } from '../build/guards.ts'
import { readAudit } from '../ops/audit-reader.ts'
import { createMetrics } from '../ops/metrics.ts'
import { type TrialDecision, type TrialRequest, trialRequest, tryTraffic } from './abuse-trial.ts'
import type { CommandContext } from './command.ts'
import { configOf, refuse, withCore } from './open-core.ts'
import { printJson, tableText } from './output.ts'

const hourMs = 3_600_000
/** Lines of the audit that are looked through for what is suspected most. */
const mostLines = 2000
const mostShown = 10

/** `abuse status`: money, codes that are entered, and what was suspected in the last hour. */
export async function status(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  return withCore(context, async (core) => {
    const { money, codes, suspected } = await statusOf(core)
    if (flags['json'] === true) {
      printJson(stdout, { money, codes, suspected })
      return 0
    }
    const currency = core.config.sms.budget.currency
    stdout.write(
      `Money for messages (${currency}); open: for everybody, member: numbers with an account, total: known devices\n`,
    )
    stdout.write(
      tableText(
        ['to', 'of one', 'part', 'spent', 'cap', 'left'],
        money.map(({ country, per, part, spent, cap, left }) => [country, per, part, spent, cap, left]),
      ),
    )
    stdout.write('\nCodes that strangers were sent in the last hour\n')
    stdout.write(
      tableText(
        ['channel', 'sent', 'just sent', 'entered', 'percent of the others'],
        codes.map((each) => [each.channel, each.sent, each.just_sent, each.entered, each.percent ?? '']),
      ),
    )
    stdout.write('\nNot let through at once in the last hour, of the lines that the audit keeps\n')
    for (const [name, rows] of Object.entries(suspected)) {
      const cells = rows.map(({ value, lines }) => [value, lines])
      stdout.write(tableText([name, 'lines'], cells))
    }
    return 0
  })
}

async function statusOf(core: Core) {
  const { clock, database } = core
  const metrics = createMetrics()
  const guard = buildGuard(core, { limits: buildAllLimits(core, metrics), metrics, alarm: () => {} })
  const [spent, conversion] = await Promise.all([guard.spent(), guard.conversion()])
  const lines = await readAudit(
    database,
    { event: 'abuse.suspected', since: new Date(clock() - hourMs) },
    { limit: mostLines },
  )
  const most = (values: readonly (readonly string[])[]) => {
    const counts = new Map<string, number>()
    for (const value of values.flat()) counts.set(value, (counts.get(value) ?? 0) + 1)
    const rows = [...counts].map(([value, count]) => ({ value, lines: count }))
    return rows
      .toSorted((one, other) => other.lines - one.lines || one.value.localeCompare(other.value))
      .slice(0, mostShown)
  }
  return {
    money: spent.map(({ pot, tier, used }) => ({
      ...{ country: pot.country, per: pot.per, part: tier },
      ...{ spent: inMoney(used), cap: inMoney(pot[tier]), left: inMoney(Math.max(0, pot[tier] - used)) },
    })),
    codes: conversion.map(({ channel, sent, justSent, entered }) => ({
      ...{ channel, sent, just_sent: justSent, entered },
      percent: sent === justSent ? null : Math.min(100, Math.round((100 * entered) / (sent - justSent))),
    })),
    suspected: {
      verdict: most(lines.map(({ detail }) => [`${detail['act']} ${detail['verdict']}`])),
      rule: most(lines.map(({ detail }) => textsIn(detail['reasons']))),
      network: most(lines.map(({ ip }) => [maskIp(ip ?? undefined) ?? 'unknown'])),
      numbers: most(lines.map(({ detail }) => textsIn([detail['numbers']]))),
    },
  }
}

function inMoney(units: number): number {
  return Math.round((100 * units) / unitsOfMoney) / 100
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

/** `abuse test`: what the rules in force would do with traffic that was recorded or made up. */
export async function test(context: CommandContext): Promise<number> {
  const { args, flags, stdout } = context
  const { config } = configOf(context)
  const read = await Promise.all(args.map(requestsIn))
  const problem = read.find((each) => typeof each === 'string')
  if (typeof problem === 'string') return refuse(context, problem)
  const tally = new Map<string, number>()
  const broken = new Map<string, number>()
  const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  let [sent, cost] = [0, 0]
  for await (const decision of tryTraffic(config, read.flat() as readonly TrialRequest[])) {
    if (flags['each'] === true) stdout.write(`${JSON.stringify(shownDecision(decision))}\n`)
    const { kind, act, verdict, isSolved, isSent } = decision
    count(tally, [kind, act, isSolved ? `${verdict} after a challenge` : verdict].join('\t'))
    for (const reason of decision.reasons) count(broken, reason)
    if (isSent) sent += 1
    cost += decision.cost
  }
  if (flags['each'] === true) return 0
  const verdicts = [...tally].map(([key, requests]) => {
    const [kind = '', act = '', verdict = ''] = key.split('\t')
    return { kind, act, verdict, requests }
  })
  const rules = [...broken].map(([rule, requests]) => ({ rule, requests }))
  const summary = { sent, cost: Math.round(cost * 100) / 100, currency: config.sms.budget.currency }
  if (flags['json'] === true) {
    printJson(stdout, { verdicts, rules, ...summary })
    return 0
  }
  stdout.write(
    tableText(
      ['kind', 'act', 'verdict', 'requests'],
      verdicts.map((each) => Object.values(each)),
    ),
  )
  stdout.write(
    `\n${tableText(
      ['broken rule or limit', 'requests'],
      rules.map((each) => Object.values(each)),
    )}`,
  )
  stdout.write(`\n${summary.sent} messages would be sent, for ${summary.cost} ${summary.currency}\n`)
  return 0
}

function shownDecision({ isSolved, isSent, ...decision }: TrialDecision) {
  return { ...decision, solved: isSolved, sent: isSent }
}

/** The requests of a file, one JSON object a line; or what is wrong with the first line that does not fit. */
async function requestsIn(path: string): Promise<readonly TrialRequest[] | string> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => error)
  if (typeof text !== 'string') return `${path} cannot be read (${text.code})`
  const requests: TrialRequest[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const read = trialRequest.safeParse(jsonIn(line))
    if (!read.success) {
      const [issue] = read.error.issues
      return `${path}:${index + 1}: ${[...(issue?.path ?? []), issue?.message].join(': ')}`
    }
    requests.push(read.data)
  }
  return requests
}

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
