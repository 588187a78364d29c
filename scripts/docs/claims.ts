import type { Account, Identity } from '../../src/accounts/user.ts'
import { claimsByScope, claimsOf } from '../../src/oidc/clients/claims.ts'
import { markdownTable } from './markdown.ts'

const at = new Date('2026-11-29T08:00:00Z')
const id = 'usr_3k9q…'

function person(profile: Account['user']['profile'], ...identities: readonly [string, string][]): Account {
  const made = identities.map(([provider, subject]) => ({ provider, subjects: [subject] }) as unknown as Identity)
  return {
    user: { id: id as Account['user']['id'], status: 'active', profile, createdAt: at, updatedAt: at },
    identities: made.map((each) => ({ ...each, verifiedAt: at })),
  }
}

const picture = 'https://thirdwx.qlogo.cn/…'

/** People as they come: with a number alone, from WeChat, with an address, with a name of their own. */
export const examplePeople: Readonly<Record<string, Account>> = {
  phone: person({}, ['phone', '+8613800138000']),
  WeChat: person({ nickname: '小林', picture }, ['wechat', 'unionid:o6…']),
  'e-mail': person({}, ['email', 'linxy@example.com']),
  'user name': person({}, ['username', 'linxy']),
}

/** A scope, a claim that it releases, and what each person has there; undefined where they have none. */
export function claimRows(): readonly (readonly [string, string, ...unknown[]])[] {
  const known = Object.values(examplePeople).map((each) => claimsOf(each, (id) => id))
  return Object.entries(claimsByScope).flatMap(([scope, claims]) =>
    claims
      .filter((claim) => scope !== 'openid' || claim === 'sub')
      .map((claim) => [scope, claim, ...known.map((each) => each[claim])] as const),
  )
}

const introduction = `# What apps learn about a person

Written by \`npm run docs\` from \`src/oidc/clients/claims.ts\`; do not edit. \`test/service/claims.test.ts\` logs people of these kinds in and compares.

Whoever has several identities has the claims of all of them; of several numbers or addresses the one that was bound last counts. Nobody has an \`email\` or a \`phone_number\` who has not
proved it: map \`sub\` where an app insists on an address. \`name\` and \`preferred_username\` are for display and for suggestions; only \`sub\` stays and is nobody else's.
`

const places = `
## Where they are

| client | ID token | \`/me\` |
| --- | --- | --- |
| without \`default_resource\` | \`sub\`, \`acr\`, \`amr\`, \`auth_time\`, \`sid\` | all of the scopes that were granted |
| the same, with \`claims_in_id_token: true\` | all of the scopes that were granted | all of the scopes that were granted |
| with \`default_resource\`, or a request with \`resource\` | all of the scopes that were granted | with a bearer token \`sub\`, and of the rest what the API has in its tokens (\`access_token.claims\` of the resource) |
| the same, with a token bound to a key (DPoP) | all of the scopes that were granted | all of the scopes that were granted |

\`acr\`, \`amr\` and \`auth_time\` say how and when the person logged in; an ID token always has them. The parameter \`claims\` asks for single claims of this table (OIDC Core §5.5).
\`identities\` and \`former_subs\` are for first-party clients; the latter lists the \`sub\` of every account that has become part of this one, where there is one ([accounts.md](accounts.md)). A JWT or an introspection has \`sub\`, \`acr\`, \`amr\`, \`auth_time\` and what the resource lists.
`

/** The reference of claims, as Markdown. */
export function claimsMarkdown(): string {
  const cell = (value: unknown) => (value === undefined ? '–' : `\`${JSON.stringify(value)}\``)
  const rows = claimRows().map(([scope, claim, ...values]) => [`\`${scope}\``, `\`${claim}\``, ...values.map(cell)])
  const head = ['scope', 'claim', ...Object.keys(examplePeople).map((kind) => `somebody with ${article(kind)}`)]
  return [introduction, ...markdownTable(head, rows), places].join('\n')
}

function article(kind: string): string {
  return kind === 'WeChat'
    ? 'WeChat'
    : kind === 'e-mail'
      ? 'an e-mail address'
      : `a ${kind} ${kind === 'phone' ? 'number' : ''}`.trim()
}
