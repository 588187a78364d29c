/**
 * Does one piece of work after the other, whoever brings it. Where `mostWaiting` wait already, what `refusal` makes is
 * thrown at once.
 */
export function inTurn(
  mostWaiting: number,
  refusal: () => Error,
): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve()
  let present = 0
  return async (work) => {
    if (present > mostWaiting) throw refusal()
    present += 1
    const mine = last.catch(() => {}).then(work)
    last = mine
    try {
      return await mine
    } finally {
      present -= 1
    }
  }
}
