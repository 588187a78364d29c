import { readdirSync, readFileSync } from 'node:fs'

/** One process as Linux tells of it. */
export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** Its own CPU time and that of its children that have ended, in ticks. */
  readonly ticks: number
  readonly residentPages: number
}

/** What a process and everything below it have used until now. */
export interface Usage {
  /** In steps of 10 ms. */
  readonly cpuSeconds: number
  readonly residentMiB: number
  /** Of the process alone, without what is below it. */
  readonly ownResidentMiB: number
}

const ticksPerSecond = 100
const pageBytes = 4096

/** Reads `/proc/PID/stat`; the name of the program, in parentheses, may have spaces and parentheses in it. */
export function readStat(text: string): ProcessStat {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  return {
    pid: Number(text.slice(0, text.indexOf(' '))),
    parent: fields[1] ?? 0,
    ticks: fields.slice(11, 15).reduce((sum, each) => sum + each, 0),
    residentPages: fields[21] ?? 0,
  }
}

/** Adds up a process and all below it; what is not in the list counts nothing. */
export function sumTree(stats: readonly ProcessStat[], pid: number): Usage {
  const tree = stats.filter((stat) => stat.pid === pid)
  // The list grows while it is walked.
  for (const { pid: above } of tree) tree.push(...stats.filter(({ parent }) => parent === above))
  const toMiB = (pages: number) => (pages * pageBytes) / 2 ** 20
  return {
    cpuSeconds: tree.reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond,
    residentMiB: toMiB(tree.reduce((sum, { residentPages }) => sum + residentPages, 0)),
    ownResidentMiB: toMiB(tree[0]?.residentPages ?? 0),
  }
}

/** Reads it from `/proc`, so on Linux only. */
export function usageOf(pid: number): Usage {
  const stats = readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const text = textOf(`/proc/${name}/stat`)
    return text === undefined ? [] : [readStat(text)]
  })
  return sumTree(stats, pid)
}

/** Undefined for a process that has ended meanwhile. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
