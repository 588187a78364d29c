import { setTimeout as delay } from 'node:timers/promises'

/** One connection that hears messages. Whatever ends it, `close` too, is followed by `lost`. */
export interface Link {
  listen(channel: string): Promise<void>
  /** Rejects when the other side has gone silent. */
  check(): Promise<void>
  close(): void
}

export interface LinkEvents {
  message(channel: string, text: string): void
  lost(): void
}

export interface Listener {
  subscribe(channel: string, onMessage: (message: string) => void, onGap: () => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

interface Subscription {
  readonly channel: string
  readonly onMessage: (message: string) => void
  readonly onGap: () => void
}

const checkEveryMs = 10_000
const slowestRetryMs = 1000

/**
 * Subscriptions over one connection, which is made for the first of them and made again whenever it is lost; every subscriber is
 * then told that messages may have been missed. `subscribe` rejects when the connection cannot be made.
 */
export function listener(connect: (events: LinkEvents) => Promise<Link>): Listener {
  const subscriptions = new Set<Subscription>()
  const stop = new AbortController()
  let current: Promise<Link> | undefined
  let healing = false

  function start(): Promise<Link> {
    const opening = open(() => {
      if (current === opening) current = undefined
      heal().catch(() => {})
    })
    current = opening
    opening.catch(() => {
      if (current === opening) current = undefined
    })
    return opening
  }

  async function open(lost: () => void): Promise<Link> {
    let timer: NodeJS.Timeout | undefined
    const link = await connect({
      message(channel, text) {
        for (const subscription of subscriptions) if (subscription.channel === channel) subscription.onMessage(text)
      },
      lost() {
        clearInterval(timer)
        lost()
      },
    })
    timer = setInterval(() => link.check().catch(() => link.close()), checkEveryMs).unref()
    const channels = new Set(Array.from(subscriptions, ({ channel }) => channel))
    try {
      await Promise.all(Array.from(channels, (channel) => link.listen(channel)))
    } catch (error) {
      link.close()
      throw error
    }
    for (const subscription of subscriptions) subscription.onGap()
    return link
  }

  async function heal(): Promise<void> {
    if (healing) return
    healing = true
    try {
      for (let waitMs = 25; subscriptions.size > 0; waitMs = Math.min(waitMs * 2, slowestRetryMs)) {
        await delay(waitMs, undefined, { signal: stop.signal, ref: false })
        const opened = await (current ?? start()).catch(() => undefined)
        if (opened !== undefined && current !== undefined) return
      }
    } finally {
      healing = false
    }
  }

  return {
    async subscribe(channel, onMessage, onGap) {
      if (stop.signal.aborted) throw new Error('the listener is closed')
      const link = await (current ?? start())
      const subscription = { channel, onMessage, onGap }
      subscriptions.add(subscription)
      try {
        await link.listen(channel)
      } catch (error) {
        subscriptions.delete(subscription)
        throw error
      }
      return async () => {
        subscriptions.delete(subscription)
      }
    },
    async close() {
      stop.abort()
      subscriptions.clear()
      const link = await current?.catch(() => undefined)
      link?.close()
    },
  }
}
