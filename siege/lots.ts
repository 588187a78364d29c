/** Draws that are the same for the same seed. */
export interface Lots {
  /** A whole number from 0 up to this one, itself left out. */
  below(count: number): number
  /** From 0 up to 1. */
  share(): number
  oneOf<T>(values: readonly T[]): T
  /** The same values in another order. */
  shuffled<T>(values: readonly T[]): T[]
}

/** Lots for whoever wants to see the same attack twice; whoever knows the seed knows them all (mulberry32). */
export function drawLots(seed: number): Lots {
  let state = seed >>> 0
  const share = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(share() * count)
  return {
    below,
    share,
    oneOf<T>(values: readonly T[]) {
      if (values.length === 0) throw new Error('there is nothing to draw from')
      return values[below(values.length)] as T
    },
    shuffled<T>(values: readonly T[]) {
      const rest = [...values]
      return Array.from({ length: rest.length }, () => rest.splice(below(rest.length), 1)[0] as T)
    },
  }
}
