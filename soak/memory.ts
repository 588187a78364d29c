/** Resident memory of one process, by the minute of the run. */
export type Samples = readonly { readonly minute: number; readonly mib: number }[]

/** The heap is capped as the image does it (128 MiB), and 80 to 120 MiB are beside it. */
export const serverNodeOptions = '--max-old-space-size=128 --max-semi-space-size=8'
const mostMib = 300
/** A process has to live this long before it is asked whether it still grows. */
const leastMinutes = 20
const mayGrow = { times: 1.2, mib: 10 }

/** Why a process did not keep its memory, if it did not. */
export function growth(samples: Samples): string | undefined {
  const most = Math.max(0, ...samples.map(({ mib }) => mib))
  if (most > mostMib) return `it took ${most} MiB, of ${mostMib} at most`
  if (samples.length < leastMinutes) return undefined
  // The first quarter of a life fills caches and compiles what is hot.
  const quarter = Math.floor(samples.length / 4)
  const early = median(samples.slice(quarter, 2 * quarter))
  const late = median(samples.slice(-quarter))
  return late > early * mayGrow.times + mayGrow.mib ? `it grew from ${early} to ${late} MiB` : undefined
}

function median(samples: Samples): number {
  const sorted = samples.map(({ mib }) => mib).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
