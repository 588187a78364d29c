import { accountPaths } from '../../src/base/paths.ts'

/** A piece of the description. */
export type Json = Readonly<Record<string, unknown>>

/** Names of parameters, and what each is for. */
export type Parameters = readonly (readonly [string, string])[]

interface Parts {
  readonly json: (description: string, name: string) => Json
  readonly form: (fields: Parameters, required: readonly string[]) => Json
  /** What every endpoint of these takes. */
  readonly token: { readonly security: readonly Json[]; readonly parameters: readonly Json[] }
  /** What every endpoint of these may answer, and what those that take a form may. */
  readonly own: Json
  readonly posted: Json
  /** Parameters of a login method. */
  readonly methodParameters: Parameters
}

/** What an app says when it merges, beside what proves the other account. */
const mergeParameters: Parameters = [
  ['method', 'As for a login, and `email`: by it the person proves the other account.'],
  ['choice', 'Answer to the step `merge`: `merge` or `apart`.'],
  ['into', 'choice=merge: which of the two accounts stays.'],
  ['keep_password', 'choice=merge: whose password stays, where the step names this parameter in `keep`.'],
  ['keep_nickname', 'The same of the nickname.'],
  ['keep_picture', 'The same of the picture.'],
]

/** The endpoints about a whole account: its deletion, and what becomes of two accounts of one person. */
export function accountDescriptions({ json, form, token, own, posted, methodParameters }: Parts): Json {
  const named = { name: 'merge', in: 'path', required: true, schema: { type: 'string' } }
  return {
    [accountPaths.deletion]: {
      get: {
        summary: 'What to say before somebody asks for the deletion of their account.',
        ...token,
        responses: { '200': json('How long, and which apps.', 'DeletionFacts'), ...own },
      },
      post: {
        summary: 'Asks for the deletion of the account; every token of the person ends.',
        ...token,
        requestBody: form([['confirm', '`1`: the person has said that they mean it.']], ['confirm']),
        responses: {
          ...own,
          '200': json('It was asked for, now or before.', 'DeletionAsked'),
          '409': json('Something stands in the way: `reason`, and mostly `link`.', 'Refusal'),
          '503': json('The operator’s system did not say whether anything stands in the way.', 'Refusal'),
        },
      },
    },
    [accountPaths.merge]: {
      get: {
        summary: 'By what another account may be proved, and which merges may still be taken back.',
        ...token,
        responses: { '200': json('Both.', 'MergeList'), ...own },
      },
      post: {
        summary: 'One step of making one account of two: a proof of the other one, then the answer about both.',
        ...token,
        requestBody: form([...mergeParameters, ...methodParameters], []),
        responses: {
          ...own,
          '200': json('They are one, or stay two as the person has said.', 'Merged'),
          '404': json('Nobody has what was proved.', 'Refusal'),
          '409': json('The same account, one that is locked or on its way out, or a number in doubt.', 'Refusal'),
          ...posted,
        },
      },
    },
    [`${accountPaths.merge}/{merge}`]: {
      delete: {
        summary: 'Takes a merge back within seven days; every token of the account ends.',
        security: token.security,
        parameters: [...token.parameters, named],
        responses: {
          ...own,
          '200': json('They are two accounts again.', 'Unmerged'),
          '409': json('Too late, done before, or one of both could not log in.', 'Refusal'),
        },
      },
    },
  }
}
