import { z } from 'zod'
import { type RegistrationAt, registrationAt, requiresPhone } from './clients/client-schema.ts'
import { errors } from './library/faults.ts'

/** What a login proved, as an `acr`: something the person has, knows, or an upstream's word. */
export const acrValues = [
  'urn:menshen:acr:possession',
  'urn:menshen:acr:knowledge',
  'urn:menshen:acr:federated',
] as const

/** The name of what a login proved. */
export type Acr = (typeof acrValues)[number]

/** Every `acr` a login by these methods reaches, the strongest first. */
function reachedBy(amr: readonly string[]): readonly Acr[] {
  const hasCode = amr.some((each) => each === 'sms' || each === 'one_tap' || each === 'email')
  const hasPassword = amr.includes('pwd')
  const isFederated = amr.some((each) => !ownAmr.has(each))
  const reached = { possession: hasCode, knowledge: hasPassword, federated: isFederated || !(hasCode || hasPassword) }
  return acrValues.filter((acr) => reached[acr.slice('urn:menshen:acr:'.length) as keyof typeof reached])
}

/** What our own methods put into `amr`; anything else is an upstream's name. */
const ownAmr: ReadonlySet<string> = new Set(['sms', 'otp', 'one_tap', 'email', 'pwd'])

/** What an authorization request demands of the login that answers it. */
export interface Demand {
  /** One of these has to be reached; undefined: any `acr` will do. */
  readonly acrs: readonly Acr[] | undefined
  /** Seconds a login may be old. */
  readonly maxAgeSeconds: number
  readonly requiresPhone: boolean
  /** Whether an account may be made for it. */
  readonly registration: RegistrationAt
}

/** The demand where no authorization request is answered. */
export const nothingDemanded: Demand = {
  acrs: undefined,
  maxAgeSeconds: Number.POSITIVE_INFINITY,
  requiresPhone: false,
  registration: 'open',
}

type Params = Readonly<Record<string, unknown>>

/** What the decision needs to know of a client. */
interface Demanding {
  readonly defaultAcrValues?: readonly string[] | undefined
  readonly defaultMaxAge?: number | undefined
}

/**
 * What a running request and its client demand: decided here and nowhere else, for the pages, for apps and for the
 * library. An essential `acr` (OIDC Core §5.5.1.1) goes before `acr_values`; names that are none of ours are voluntary
 * and demand nothing.
 */
export function demandOf(params: Params, client: Demanding): Demand {
  const { claims, acr_values: preferred, max_age: maxAge } = params
  const voluntary = typeof preferred === 'string' ? preferred.split(' ') : (client.defaultAcrValues ?? [])
  return {
    acrs: essentialAcrs(claims) ?? known(voluntary),
    maxAgeSeconds: Number(maxAge ?? client.defaultMaxAge ?? Number.POSITIVE_INFINITY),
    requiresPhone: requiresPhone(client),
    registration: registrationAt(client),
  }
}

/** Whether a proof that reaches these `acr` values can be a part of the login that is demanded. */
export function mayReach({ acrs }: Pick<Demand, 'acrs'>, reached: readonly Acr[]): boolean {
  return acrs === undefined || reached.some((acr) => acrs.includes(acr))
}

/** The `acr` of a login from the methods it used: one that was asked for, else the strongest. */
export function acrOf(amr: readonly string[], { acrs }: Pick<Demand, 'acrs'> = nothingDemanded): Acr {
  const reached = reachedBy(amr)
  return reached.find((acr) => acrs?.includes(acr)) ?? reached[0] ?? 'urn:menshen:acr:federated'
}

/** Whether a login by these methods is strong enough. */
export function isEnough(demand: Pick<Demand, 'acrs'>, amr: readonly string[]): boolean {
  return mayReach(demand, reachedBy(amr))
}

/** Whether a login at one time is too old for a request at another; both in seconds since the epoch. */
export function isTooOld({ maxAgeSeconds }: Pick<Demand, 'maxAgeSeconds'>, authTime: number, askedAt: number): boolean {
  return askedAt - authTime > maxAgeSeconds
}

/**
 * Throws `unmet_authentication_requirements` for what nobody can ever answer here: an essential `acr` that is none of
 * ours (OIDC Core §5.5.1.1), and one of ours, essential or among `acr_values` (RFC 9470 §5), that no configured way in
 * reaches. Asking would never end.
 */
export function refuseUnmeetable(params: Params, client: Demanding, reachable: ReadonlySet<Acr>): void {
  refuseStrangeSubject(params['claims'])
  const { acrs } = demandOf(params, client)
  if (acrs === undefined || acrs.some((acr) => reachable.has(acr))) return
  throw new errors.UnmetAuthenticationRequirements('no way in of this server reaches the requested acr')
}

function known(named: readonly unknown[]): readonly Acr[] | undefined {
  const found = acrValues.filter((acr) => named.includes(acr))
  return found.length > 0 ? found : undefined
}

const acrClaim = z.object({
  id_token: z.object({
    acr: z.object({ essential: z.unknown(), value: z.unknown(), values: z.unknown() }).partial(),
  }),
})

/**
 * Our own names among the values that an essential `acr` accepts; undefined where the claim is not essential. The
 * library reads the claim again, so this follows its reading: where both `value` and `values` are given, one name has
 * to fit both. The library has already refused what is no JSON. Throws `invalid_request` as it does.
 */
function essentialAcrs(claims: unknown): readonly Acr[] | undefined {
  const { data } = typeof claims === 'string' ? acrClaim.safeParse(JSON.parse(claims)) : {}
  const { essential, value, values } = data?.id_token.acr ?? {}
  if (!essential || !(value || values)) return undefined
  if (values && !Array.isArray(values)) throw new errors.InvalidRequest('invalid claims.id_token.acr.values type')
  return acrValues.filter((acr) => (!value || value === acr) && (!Array.isArray(values) || values.includes(acr)))
}

const wantedSubject = z.object({ id_token: z.object({ sub: z.object({ value: z.unknown() }) }) })

function subjectIn(claims: unknown): { readonly value?: unknown } | undefined {
  return typeof claims === 'string' ? wantedSubject.safeParse(JSON.parse(claims)).data?.id_token.sub : undefined
}

/** The only person who may answer a request, OIDC Core §5.5.1; undefined: anybody. */
export function requestedSubject({ claims }: { readonly claims?: string | undefined }): string | undefined {
  const value = subjectIn(claims)?.value
  return typeof value === 'string' ? value : undefined
}

/** Nobody has a `sub` that is no text. The library compares it all the same, and would ask after every login. */
function refuseStrangeSubject(claims: unknown): void {
  const wanted = subjectIn(claims)
  if (wanted && typeof wanted.value !== 'string') {
    throw new errors.InvalidRequest('claims.id_token.sub.value must be a text')
  }
}

/**
 * Throws `login_required` for a request that names two persons, one by `claims` and another by its `id_token_hint`.
 * Either login would be followed by the question for the other.
 */
export function refuseTwoPersons({ claims }: Params, hinted: string | undefined): void {
  const wanted = typeof claims === 'string' ? requestedSubject({ claims }) : undefined
  if (wanted === undefined || hinted === undefined || wanted === hinted) return
  throw new errors.LoginRequired('claims and id_token_hint name two persons')
}
