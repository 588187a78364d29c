import { createHash } from 'node:crypto'
import { formatDuration } from '../../base/duration.ts'
import { comparableJson } from '../../store/jsonb.ts'
import { type ClientSeed, type ResourceSeed, scopesOf } from './client-schema.ts'

/** One field that differs. The values of a secret are left out: only that it has changed may be shown. */
export interface FieldChange {
  readonly field: string
  readonly from?: unknown
  readonly to?: unknown
}

/** Says that the secret of a client changes, and shows neither the old nor the new one. */
export const secretChange: FieldChange = { field: 'client_secret' }

/**
 * What differs between two versions of a client or resource, field by field; lists are compared as sets where order
 * means nothing.
 */
export function differences(from: ClientSeed | ResourceSeed, to: ClientSeed | ResourceSeed): FieldChange[] {
  const before = fieldsOf(from)
  const after = fieldsOf(to)
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((field) => {
    const [old, next] = [before.get(field), after.get(field)]
    if (comparable(field, old) === comparable(field, next)) return []
    return [{ field, ...(old === undefined ? {} : { from: old }), ...(next === undefined ? {} : { to: next }) }]
  })
}

/** Dotted names and values as a file would write them. */
function fieldsOf(seed: ClientSeed | ResourceSeed): Map<string, unknown> {
  const { client_secret: _, ...rest } = seed as ClientSeed
  const spread = scopesOf(rest)
  return new Map(leaves({ ...rest, ...(spread ? { scope: spread } : {}) }, ''))
}

function leaves(value: unknown, field: string): [string, unknown][] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[field, written(field, value)]]
  return Object.entries(value).flatMap(([name, member]) => leaves(member, field === '' ? name : `${field}.${name}`))
}

/** Seconds go back to the text they were read from, and nobody reads a picture. */
function written(field: string, value: unknown): unknown {
  if (/^brand\.logo/.test(field)) return pictureText(String(value))
  const isDuration = /^(lifetimes|access_token\.(ttl$|sliding))/.test(field)
  return isDuration ? formatDuration(value as number | 'none') : value
}

/** Enough of a picture to see that it is another one. */
function pictureText(address: string): string {
  const type = /^data:([^;,]*)/.exec(address)?.[1] ?? 'picture'
  return `${type}, ${createHash('sha256').update(address).digest('hex').slice(0, 12)}`
}

/** The order of `default_acr_values` is an order of preference. */
function comparable(field: string, value: unknown): string {
  const isSet = Array.isArray(value) && field !== 'default_acr_values'
  return comparableJson(isSet ? value.map(comparableJson).toSorted() : value)
}
