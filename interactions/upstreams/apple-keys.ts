import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, type LocalJWKSet } from 'jose'
import { z } from 'zod'
import type { ConnectorDependencies } from './connector.ts'
import { ask, requireGood } from './upstream-call.ts'
import { parseAnswer } from './vendor-answers.ts'

const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

const keysMs = 3_600_000
const minuteMs = 60_000
const refetchesPerMinute = 5

/**
 * Apple's keys, kept for an hour. An unknown `kid` makes us fetch them again, five times a minute at most: Apple may
 * rotate twice in a minute, and whoever sends tokens with made-up names costs no more than that. Requests at the same
 * time share one fetch.
 */
export function appleKeys(url: URL, { http, clock }: Pick<ConnectorDependencies, 'http' | 'clock'>): JWTVerifyGetKey {
  let kept: { readonly keys: LocalJWKSet; readonly fetchedAt: number } | undefined
  let running: Promise<LocalJWKSet> | undefined
  let refetchedAt: readonly number[] = []

  async function fetched(): Promise<LocalJWKSet> {
    const reply = await ask(http, url)
    requireGood(reply)
    const keys = createLocalJWKSet(parseAnswer(keySet, reply.content) as JSONWebKeySet)
    kept = { keys, fetchedAt: clock() }
    return keys
  }

  function newest(): Promise<LocalJWKSet> {
    running ??= fetched().finally(() => {
      running = undefined
    })
    return running
  }

  function mayRefetch(): boolean {
    if (running) return true
    refetchedAt = refetchedAt.filter((at) => clock() - at < minuteMs)
    if (refetchedAt.length >= refetchesPerMinute) return false
    refetchedAt = [...refetchedAt, clock()]
    return true
  }

  return async (header, token) => {
    const known = kept
    if (!known || clock() - known.fetchedAt >= keysMs) return (await newest())(header, token)
    try {
      return await known.keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !mayRefetch()) throw error
      return (await newest())(header, token)
    }
  }
}
