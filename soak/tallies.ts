/** How often each thing happened, by name. */
export class Tallies {
  readonly counts: Record<string, number> = {}

  count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  of(name: string): number {
    return this.counts[name] ?? 0
  }
}
