import { createAccount, type GivenIdentity } from '../accounts/account-creation.ts'
import { breachedRanges } from '../accounts/breached-ranges.ts'
import { hasher } from '../accounts/hashing.ts'
import { parseNewIdentifier } from '../accounts/identifier.ts'
import { refuseBadPassword } from '../accounts/password-rules.ts'
import { AppError } from '../base/errors.ts'
import { maskSubject } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { isUniqueViolation } from '../store/postgres.ts'
import type { CommandContext } from './command.ts'
import { withReason } from './confirm.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson } from './output.ts'
import { linkText, makeLink, noPasswordWithout, secondsOf } from './user-password-command.ts'

/** `users create`: an account with ways in that nobody has proved yet, unless the operator says that they are. */
export async function create(context: CommandContext): Promise<number> {
  const { args, flags, stdout } = context
  const identities = args.map(identityIn)
  const wrong = identities.indexOf(undefined)
  if (wrong >= 0)
    return refuse(context, `"${args[wrong]}" is no phone number, e-mail address, user name, or PROVIDER=SUBJECT`)
  const given = identities.filter((each) => each !== undefined)
  return withReason(context, (why) =>
    withCore(context, async (core) => {
      const password = flags['password-stdin'] === true ? await typedPassword(context) : undefined
      if (password !== undefined && !given.some(({ provider }) => local.has(provider)))
        return refuse(context, 'a password needs a phone number, an e-mail address or a user name to log in with')
      const isProved = flags['proved'] === true
      const seconds = secondsOf(context)
      if (typeof seconds === 'string') return refuse(context, seconds)
      const hasLink = flags['link'] === true
      if (hasLink && !given.some(({ provider }) => provider === 'username' || (isProved && local.has(provider))))
        return refuse(context, noPasswordWithout)
      const nickname = typeof flags['nickname'] === 'string' ? flags['nickname'] : undefined
      const subjects = given.flatMap((each) => each.subjects)
      const passwordHash =
        password === undefined ? undefined : await hashed(core, password, [nickname ?? '', ...subjects])
      const identity_list = given.map(({ provider, subjects: own }) => ({
        provider,
        subjects: own.map((each) => maskSubject(provider, each, { withNamespace: true })),
        verified: isProved || provider === 'username',
      }))
      const told = { changed: false, identities: identity_list, has_password: passwordHash !== undefined }
      const taken = await takenOf(core, given)
      if (taken) return refuse(context, `${taken} is somebody's already`)
      if (flags['dry-run'] === true) {
        if (flags['json'] === true) printJson(stdout, { ...told, would_change: true })
        else stdout.write(`would make a user with ${describe(identity_list)}\n`)
        return 3
      }
      try {
        const at = new Date(core.clock())
        const account = { identities: given, nickname, passwordHash, isProved, at }
        const userId = await core.database.knex.transaction((trx) => createAccount(trx, account))
        const providers = given.map(({ provider }) => provider)
        const detail = { operator: operatorOf(context), why, providers, proved: isProved }
        await core.audit.write({ event: 'user.created', userId, detail })
        const link = hasLink ? await makeLink(core, context, { userId, why, seconds }) : undefined
        if (flags['json'] === true) printJson(stdout, { id: userId, ...told, changed: true, ...link })
        else stdout.write(`made ${userId} with ${describe(identity_list)}\n${link ? linkText(link) : ''}`)
        return 0
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        return refuse(context, 'one of these is somebody’s already')
      }
    }),
  )
}

const local: ReadonlySet<string> = new Set(['phone', 'email', 'username'])

/** What an argument names: `+8613800138000`, `a@example.com`, `alice`, `wechat=unionid:o6…,openid:wx1:oL…`. */
function identityIn(text: string): GivenIdentity | undefined {
  const [, provider, listed] = /^([a-z][\w.:-]{0,63})=(.{1,500})$/s.exec(text) ?? []
  if (provider !== undefined && listed !== undefined) {
    const subjects = [...new Set(listed.split(','))]
    const isReadable = !local.has(provider) && subjects.every((each) => /^[^\s\p{Cc}]{1,255}$/u.test(each))
    return isReadable ? { provider, subjects } : undefined
  }
  try {
    const parsed = parseNewIdentifier(text)
    return { provider: parsed.provider, subjects: [parsed.subject] }
  } catch {
    return undefined
  }
}

async function takenOf({ database }: Core, given: readonly GivenIdentity[]): Promise<string | undefined> {
  for (const { provider, subjects } of given) {
    const row = await database
      .knex('identity_subjects')
      .where({ provider })
      .whereIn('subject', subjects)
      .first('subject')
    if (row) return `${provider} ${maskSubject(provider, row.subject, { withNamespace: true })}`
  }
  return undefined
}

/** Throws the refusals of a password that is too short, too long or too common. */
async function hashed({ config }: Core, password: string, words: readonly string[]): Promise<string> {
  refuseBadPassword(config.password, password, words)
  const { sandbox: allowInsecure, password: policy } = config
  const isLeaked = breachedRanges({ options: policy.breached, allowInsecure, onOutcome: () => {} })
  if (await isLeaked(password)) throw new AppError('password.leaked')
  const own = hasher({ parameters: config.password.argon2, workers: 1, maxQueue: 1 })
  return own.hash(password).finally(() => own.close())
}

const longestTyped = 2000

/** A password comes by standard input, because an argument shows in the list of processes. */
async function typedPassword({ stdin }: CommandContext): Promise<string> {
  let typed = ''
  for await (const chunk of stdin ?? []) {
    typed += chunk
    if (typed.length > longestTyped) break
  }
  return typed.replace(/\r?\n$/, '')
}

function describe(identities: readonly { readonly provider: string; readonly subjects: readonly string[] }[]): string {
  return identities.map(({ provider, subjects }) => `${provider} ${subjects.join(' ')}`).join(', ')
}
