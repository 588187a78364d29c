import { z } from 'zod'
import { countryClasses } from '../base/destination-names.ts'
import { duration } from '../base/duration.ts'
import { Secret, secret } from '../base/secret.ts'

/** What somebody may want to do that costs money, or is tried by machines. */
export const acts = ['message', 'password', 'registration', 'upstream'] as const
/** One of these. */
export type Act = (typeof acts)[number]

/** What requests are counted by. A request that has none of it is not what the rule is about. */
export const signals = [
  'all',
  'number',
  'block',
  'prefix',
  'segment',
  'country',
  'domain',
  'network',
  'device',
  'client',
  'name',
  'password',
] as const
/** One of these. */
export type Signal = (typeof signals)[number]

const rule = z
  .strictObject({
    act: z.enum(acts).describe('What it is about.'),
    channel: z.enum(['sms', 'mail']).optional().describe('Only messages of this kind.'),
    for: z
      .enum(['strangers', 'everybody'])
      .default('strangers')
      .describe('`strangers`: not a device that has logged in to the account before.'),
    segment: z
      .enum(['virtual', 'ordinary'])
      .optional()
      .describe('Only such numbers of the mainland: `virtual` are those of operators without a net of their own.'),
    country: z.array(z.enum(countryClasses)).min(1).optional().describe('Only numbers from there.'),
    hours: z
      .strictObject({ from: z.int().min(0).max(23), to: z.int().min(1).max(24) })
      .optional()
      .describe('Only from this hour of the day until that, in China.'),
    by: z
      .enum(signals)
      .optional()
      .describe(
        'What requests are counted by: the number; its `block` (without the last 2 digits) or `prefix` (without the ' +
          'last 4); its segment or country; the domain of a mailbox; the network of four widths, `limits.networks` ' +
          'says how much more the wider ones may; the browser or app that has logged in here before, once for each number, ' +
          'mailbox or name; the client; the name that was typed; the password that was wrong, once for each name; or all together.',
      ),
    of: z
      .enum(['asked', 'failed', 'done'])
      .default('asked')
      .describe(
        'What is counted: requests that were let through (`asked`); of passwords and upstreams those that `failed`; of ' +
          'registrations those that are `done`, and made an account.',
      ),
    more_than: z.int().min(0).max(1_000_000_000).optional().describe('How many there may be.'),
    within: duration.prefault('1h').describe('Length of the rolling window.'),
    entered_below: z
      .int()
      .min(1)
      .max(100)
      .optional()
      .describe('Only while fewer than so many percent of these codes have been entered.'),
    money_used: z
      .int()
      .min(1)
      .max(100)
      .optional()
      .describe('Percent of the money of an hour or day that strangers may use (`sms.budget`).'),
    verdict: z
      .enum(['challenge', 'delay', 'refuse'])
      .describe(
        '`challenge`: show that a person is there. `delay`: wait until there is room. `refuse`: no; of messages, ' +
          'numbers and mailboxes that have an account still get theirs.',
      ),
    level: z.int().min(1).max(3).default(1).describe('How hard the challenge is.'),
  })
  .refine((one) => (one.by === undefined) === (one.more_than === undefined), '`by` and `more_than` go together')
  .refine(
    ({ of, act }) => of === 'asked' || (of === 'done' ? act === 'registration' : /^(password|upstream)$/.test(act)),
    '`failed` is for passwords and upstreams, `done` for registrations',
  )
  .refine(
    ({ by, of, act }) => by !== 'device' || of === 'asked' || act === 'password',
    '`device` counts what was asked for, and passwords that failed',
  )
  .refine(
    (one) => one.entered_below === undefined || (one.act === 'message' && one.by !== undefined && one.of === 'asked'),
    '`entered_below` is for messages that are counted',
  )
  .refine(
    (one) => one.money_used === undefined || (one.act === 'message' && one.channel === 'sms' && one.by === undefined),
    '`money_used` is for act message, channel sms, without `by`',
  )

/** A rule after it was checked. */
export type Rule = z.output<typeof rule>
type RuleInput = z.input<typeof rule>

/** The rules in force where the settings do not say otherwise. */
const defaultRules: Readonly<Record<string, RuleInput>> = {
  network_busy: { act: 'message', by: 'network', more_than: 10, verdict: 'challenge', level: 2 },
  network_in_vain: { act: 'message', by: 'network', more_than: 15, entered_below: 20, verdict: 'refuse' },
  neighbours: {
    act: 'message',
    by: 'block',
    more_than: 5,
    within: '10m',
    entered_below: 60,
    verdict: 'challenge',
    level: 3,
  },
  neighbours_in_vain: {
    act: 'message',
    by: 'block',
    more_than: 15,
    within: '10m',
    entered_below: 20,
    verdict: 'refuse',
  },
  // Fewer than a vendor sends to one number (5 an hour, 10 a day): the rest is its owner's.
  number_in_vain: { act: 'message', by: 'number', more_than: 3, entered_below: 50, verdict: 'challenge', level: 2 },
  number_all_day: {
    ...{ act: 'message', by: 'number', more_than: 5, within: '24h', entered_below: 50 },
    ...{ verdict: 'challenge', level: 3 },
  },
  // Whoever solves leaves the last of them for a device that the owner has used before.
  number_bombed: { act: 'message', by: 'number', more_than: 4, entered_below: 50, verdict: 'delay' },
  number_bombed_all_day: {
    ...{ act: 'message', by: 'number', more_than: 7, within: '24h', entered_below: 50 },
    verdict: 'delay',
  },
  // A family helps each other, and a shop has one device for all who come; but there the codes are entered.
  device_in_vain: {
    ...{ act: 'message', by: 'device', more_than: 3, within: '24h', entered_below: 50 },
    ...{ verdict: 'challenge', level: 2 },
  },
  device_all_in_vain: {
    ...{ act: 'message', by: 'device', more_than: 20, within: '24h', entered_below: 20 },
    verdict: 'refuse',
  },
  prefix_busy: { act: 'message', by: 'prefix', more_than: 20, entered_below: 60, verdict: 'challenge', level: 3 },
  prefix_in_vain: { act: 'message', by: 'prefix', more_than: 50, entered_below: 20, verdict: 'refuse' },
  domain_in_vain: { act: 'message', by: 'domain', more_than: 100, entered_below: 30, verdict: 'challenge', level: 3 },
  virtual_operators: {
    ...{ act: 'message', segment: 'virtual', by: 'segment', more_than: 20, entered_below: 60 },
    ...{ verdict: 'challenge', level: 2 },
  },
  abroad_in_vain: {
    ...{ act: 'message', country: ['hmt', 'international'], by: 'country', more_than: 30, entered_below: 20 },
    verdict: 'refuse',
  },
  client_in_vain: { act: 'message', by: 'client', more_than: 100, entered_below: 40, verdict: 'challenge', level: 3 },
  few_entered: { act: 'message', by: 'all', more_than: 100, entered_below: 60, verdict: 'challenge', level: 1 },
  hardly_entered: { act: 'message', by: 'all', more_than: 100, entered_below: 40, verdict: 'challenge', level: 3 },
  night: {
    ...{ act: 'message', hours: { from: 2, to: 5 }, by: 'all', more_than: 30, entered_below: 60 },
    ...{ verdict: 'challenge', level: 2 },
  },
  money_short: { act: 'message', channel: 'sms', money_used: 80, verdict: 'challenge', level: 3 },
  passwords_of_network: { act: 'password', by: 'network', of: 'failed', more_than: 60, verdict: 'challenge', level: 2 },
  password_sprayed: { act: 'password', by: 'password', of: 'failed', more_than: 30, verdict: 'challenge', level: 2 },
  // Names and passwords of a leak, each tried once, from a thousand homes.
  passwords_everywhere: { act: 'password', by: 'all', of: 'failed', more_than: 300, verdict: 'challenge', level: 1 },
  registrations_of_network: { act: 'registration', by: 'network', more_than: 10, verdict: 'challenge', level: 2 },
  upstreams_of_network: {
    act: 'upstream',
    by: 'network',
    more_than: 300,
    within: '10m',
    verdict: 'challenge',
    level: 2,
  },
} satisfies Record<string, RuleInput>

/** Where the captcha of a vendor is set up, people expect it before every message to a stranger. */
const captchaRule: RuleInput = { act: 'message', verdict: 'challenge', level: 1 }

const ruleName = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected a short name of small letters, digits and `_`')

/** Settings of what is decided before anything costly. */
export const abuseOptions = z.strictObject({
  default_rules: z
    .boolean()
    .default(true)
    .describe('Whether the rules are in force that are there already; docs/abuse.md lists them.'),
  alarm_webhook: z
    .string()
    .refine((text) => URL.parse(text)?.protocol.startsWith('http') === true, 'expected an https address')
    .transform((text) => new Secret(text))
    .meta({ secret: true })
    .optional()
    .describe(
      'Gets a POST with JSON (`type`, `id`, `limit`, `used_percent`, `text`, `issuer`, `at`) when half and when four ' +
        'fifths of the messages of a day or of the money of an hour or day are used, until it is taken, for more than a ' +
        'day. It may hold a token.',
    ),
  alarm_secret: secret(16)
    .optional()
    .describe(
      'Key of the signature of alarms, at least 16 characters: the header `Menshen-Signature`, as at `deletion.hook`. ' +
        'Without it they are not signed.',
    ),
  rules: z
    .record(ruleName, z.union([z.literal('off'), rule]))
    .default({})
    .describe(
      'Rules by name, beside those that are there already or in the place of one of that name; `off` takes one away.',
    ),
})

/** A rule and its name. */
export type NamedRule = Rule & { readonly name: string }

/** The settings of abuse, as far as rules come of them. */
type AbuseSettings = z.output<typeof abuseOptions> & { readonly captcha?: unknown }

/** The rules in force: the settings' own, and those that are there already and were not replaced. */
export function rulesInForce({ default_rules, rules, captcha }: AbuseSettings): readonly NamedRule[] {
  const usual = { ...(default_rules ? defaultRules : {}), ...(captcha === undefined ? {} : { captcha: captchaRule }) }
  const own = Object.entries(usual).map(([name, each]) => [name, rule.parse(each)] as const)
  return [...new Map<string, Rule | 'off'>([...own, ...Object.entries(rules)])].flatMap(([name, each]) =>
    each === 'off' ? [] : [{ ...each, name }],
  )
}
