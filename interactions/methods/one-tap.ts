import { z } from 'zod'
import { provedInOneStep } from '../../src/accounts/proof.ts'
import type { Clock } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import type { HttpClient } from '../../src/base/http.ts'
import { callingCode, type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import { required, upstreamError } from '../upstreams/connector.ts'
import { aliyunOneTap, aliyunOneTapOptions } from '../upstreams/one-tap-aliyun.ts'
import { univerify, univerifyOptions } from '../upstreams/one-tap-univerify.ts'
import type { OneTapVendor } from '../upstreams/one-tap-vendor.ts'
import { requireHttps } from '../upstreams/upstream-call.ts'
import type { Input, LoginMethod } from './method.ts'
import { isTaken, type Spent, withMarks } from './spent-credentials.ts'

/** Settings of one vendor, told apart by `vendor`. */
export const oneTapOptions = z.discriminatedUnion('vendor', [univerifyOptions, aliyunOneTapOptions])
/** The settings of the one-tap vendor, after they were checked. */
export type OneTapOptions = z.output<typeof oneTapOptions>

interface VendorDependencies {
  readonly http: HttpClient
  /** For the metadata service of the machine. */
  readonly metadata: HttpClient
  readonly clock: Clock
  /** False outside the sandbox: vendors' addresses must be https. */
  readonly allowInsecure: boolean
}

/** The vendors of the configuration. Throws when the address of one is not https and must be. */
export function buildOneTapVendors(
  vendors: readonly OneTapOptions[],
  { allowInsecure, ...dependencies }: VendorDependencies,
): OneTapVendor[] {
  return vendors.map((options) => {
    if (!allowInsecure) requireHttps(`one_tap ${options.vendor}`, options)
    return options.vendor === 'univerify' ? univerify(options, dependencies) : aliyunOneTap(options, dependencies)
  })
}

interface Dependencies {
  readonly vendors: readonly OneTapVendor[]
  readonly spent: Spent
  readonly registration: 'auto' | 'closed'
}

/**
 * The number of the SIM a phone is online with, as its carrier tells it; with a `phone`, whether that is it. A number
 * proved this way is the one a code by SMS proves. SECURITY: the token is a bearer token without a word of ours, so it
 * is marked before the vendor is asked, and good for nothing once the vendor has judged it.
 */
export function oneTapMethod({ vendors, spent, registration }: Dependencies): LoginMethod<undefined> {
  return {
    id: 'one_tap',
    entry: 'login',
    acrs: ['urn:menshen:acr:possession'],
    fields: ['vendor', 'carrier_token'],
    asksVendor({ vendor: name }) {
      const found = vendors.find(({ vendor }) => vendor === name)
      return found && { connection: found.vendor, vendor: found.vendor }
    },
    async step(request) {
      const { input } = request
      const name = required(input, 'vendor')
      const vendor = vendors.find((each) => each.vendor === name)
      if (!vendor) throw new AppError('attempt.method_unknown')
      const ask = question(vendor, input)
      const mark = await spent.once('carrier_token', required(input, 'carrier_token'))
      if (isTaken(mark)) throw upstreamError('one_tap.expired', { vendorCode: 'used_here' })
      const phone = await withMarks([mark], ask)
      return {
        kind: 'proved',
        identity: { provider: 'phone', subjects: [phone], profile: {} },
        amr: ['one_tap'],
        ...provedInOneStep(request),
        registration: registration === 'auto' ? 'allowed' : 'never',
      }
    },
  }
}

/** What the vendor is to be asked. Throws where it cannot be asked that. */
function question(vendor: OneTapVendor, input: Input): () => Promise<PhoneNumber> {
  if (!input['phone']) return () => vendor.number(input)
  const claimed = mainland(input['phone'], input['country'])
  const { confirm } = vendor
  if (!confirm) throw new AppError('request.invalid', { field: 'phone' })
  return async () => {
    await confirm(input, claimed)
    return claimed
  }
}

/** Carriers know mainland numbers only. */
function mainland(typed: string, country?: string): PhoneNumber {
  const phone = parsePhone(typed, country)
  if (callingCode(phone) !== '86') throw new AppError('phone.country_unsupported', { field: 'phone' })
  return phone
}
