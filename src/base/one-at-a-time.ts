/** The same work, which is not begun while it is still under way: whoever asks then waits for what was begun. */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= work().finally(() => {
      running = undefined
    })
    return running
  }
}

/**
 * The same work, never twice at once: whoever asks while it is under way waits for one more time, which begins after
 * that and serves all who have asked until then. So everybody gets what was begun after they asked.
 */
export function onceMore(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  function begin(): Promise<void> {
    next = undefined
    running = work().finally(() => {
      running = undefined
    })
    return running
  }

  return () => {
    if (next) return next
    if (!running) return begin()
    next = running.catch(() => {}).then(begin)
    return next
  }
}
