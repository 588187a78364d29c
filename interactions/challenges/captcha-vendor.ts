import { z } from 'zod'
import type { Clock } from '../../src/base/clock.ts'
import type { HttpClient } from '../../src/base/http.ts'
import { wholeAddress } from '../../src/base/vendor-address.ts'

/** What somebody who has solved a captcha brings. */
export interface Solution {
  /** A text for each field of the vendor, none of them empty or too long. */
  readonly fields: Readonly<Record<string, string>>
  /** Address of the person, never that of a proxy. */
  readonly ip: string
}

/** What a vendor says of a solution. `degraded`: it was not solved, because the widget could not reach the vendor. */
export interface Judged {
  readonly verdict: 'human' | 'refused' | 'degraded'
  /** The vendor's own word for it. */
  readonly vendorCode?: string | undefined
}

/** What the page of a captcha loads. */
export interface CaptchaPage {
  /** Address of the vendor's script. */
  readonly script: string
  /** Further sources of scripts, styles, pictures, frames and requests, as a content security policy names them. */
  readonly sources: readonly string[]
  /** Whether its script makes functions of texts. */
  readonly mayEval: boolean
}

/** The fields of all vendors, in forms and of apps. */
export const captchaFields = [
  'captcha_token',
  'captcha_verify_param',
  'captcha_ticket',
  'captcha_randstr',
  'captcha_lot_number',
  'captcha_output',
  'captcha_pass_token',
  'captcha_gen_time',
  'captcha_validate',
] as const

/** The captcha of one vendor. */
export interface CaptchaVendor {
  readonly vendor: string
  /** The fields of a solution. */
  readonly fields: readonly (typeof captchaFields)[number][]
  /** What the widget or the SDK has to know. None of it is a secret. */
  readonly widget: Readonly<Record<string, string>>
  /** Absent where only apps can show it. */
  readonly page?: CaptchaPage
  /**
   * Asks the vendor once. Throws `upstream.busy` where there was no answer, `upstream.refused` for one that cannot be
   * understood, and `upstream.misconfigured` for what only an operator can repair. SECURITY: none of them for what
   * somebody has entered, or they could switch the vendor off for everybody.
   */
  judge(solution: Solution): Promise<Judged>
  /** What is right where the vendor refuses a solution that was made up. */
  readonly shows: string
  /** What it does not tell then: what must hold in its console. */
  readonly unseen: readonly string[]
}

/** What every vendor works with. */
export interface CaptchaDependencies {
  readonly http: HttpClient
  /** For the metadata service of the machine, where keys come from there. */
  readonly metadata: HttpClient
  readonly clock: Clock
  /** Host of this server, on whose pages a captcha is solved. */
  readonly hostname: string
}

/** Letters of one field; the longest that a vendor documents has 2048. */
export const longestField = 4000

/** A source in a content security policy: a host with or without its scheme, and one star in front. */
const source = z.string().regex(/^(https:\/\/)?(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/i, 'expected a host, as *.example.com')

/** Settings of every vendor whose script runs on a page of ours. */
export function pageOptions(script: string) {
  return {
    script_url: wholeAddress()
      .default(script)
      .describe('Script that the page of the captcha loads. Vendors want theirs, because it changes.'),
    page_sources: z
      .array(source)
      .max(20)
      .prefault([])
      .describe('Further hosts that this script needs, where the vendor has moved something.'),
    page_eval: z
      .boolean()
      .default(false)
      .describe('Whether this script makes functions of texts (`unsafe-eval`): only where it does not work without.'),
  }
}

/** Setting for the hosts where a captcha may have been solved. */
export const hostnamesOption = z
  .array(z.string().min(1).max(253).toLowerCase())
  .max(20)
  .prefault([])
  .describe('Hosts besides this server where it may be solved: what the web views of your apps call themselves.')

/** The page of a vendor whose settings these are. */
export function pageOf(
  options: { readonly script_url: string; readonly page_sources: readonly string[]; readonly page_eval: boolean },
  sources: readonly string[],
): CaptchaPage {
  const { script_url: script, page_sources, page_eval: mayEval } = options
  return { script, sources: [...sources, ...page_sources], mayEval }
}

/** Whether it was solved on a page of ours, or of an app of ours. */
export function isOurs(hostname: string, own: string, others: readonly string[]): boolean {
  return [own, ...others].includes(hostname.toLowerCase())
}
