import { type Command, dryRun, dryRunExits, type Option, one, why, yes } from './command.ts'
import { movingCommands } from './moving-commands.ts'

const user = '<user>'

const evidence: Option = {
  type: 'string',
  value: 'TEXT',
  summary: 'What shows that both are one person’s, for the audit.',
}

/** The rows of the table for `menshen users`. */
export const userCommands: readonly Command[] = [
  {
    name: 'users show',
    summary:
      'One user with identities, subjects masked. A user is named by id, phone number, e-mail address or user name.',
    usage: user,
    args: one,
    options: { full: { type: 'boolean', summary: 'Subjects in full: phone numbers, addresses, upstream ids.' } },
    module: './users-command.ts',
    action: 'show',
  },
  {
    name: 'users lock',
    summary: 'Lock a user out, and end every session and token.',
    usage: user,
    args: one,
    options: { 'dry-run': dryRun },
    module: './users-command.ts',
    action: 'lock',
    exits: dryRunExits,
  },
  {
    name: 'users unlock',
    summary: 'Let a locked user in again.',
    usage: user,
    args: one,
    options: { 'dry-run': dryRun },
    module: './users-command.ts',
    action: 'unlock',
    exits: dryRunExits,
  },
  {
    name: 'users identities move',
    summary:
      'Give a way in of one user to another. What was logged in with it ends, and whoever comes by it is the other user from now on.',
    usage: '<identity>',
    args: one,
    options: {
      to: { type: 'string', value: 'USER', summary: 'Whose it is to be, named as for users show.' },
      why,
      join: {
        type: 'boolean',
        summary: 'Make it part of the identity that the user has at the same vendor: both are one person’s there.',
      },
      last: { type: 'boolean', summary: 'Also when its user is left without a way in.' },
      'dry-run': dryRun,
    },
    module: './user-identities-command.ts',
    action: 'move',
    exits: dryRunExits,
  },
  {
    name: 'users merge',
    summary:
      'Make one of two users of one person. The id of the one that goes stands for the other for good; for seven days it can be taken back.',
    usage: '<user> <user>',
    args: { min: 2, max: 2 },
    options: {
      evidence,
      keep: { type: 'string', value: 'USER', summary: 'Which of the two stays. Unless said, the older one.' },
      password: { type: 'string', value: 'USER', summary: 'Whose password stays. Unless said, that of who stays.' },
      nickname: { type: 'string', value: 'USER', summary: 'Whose name stays. Unless said, that of who stays.' },
      picture: { type: 'string', value: 'USER', summary: 'Whose picture stays. Unless said, that of who stays.' },
      identities: {
        type: 'string',
        value: 'IDS',
        summary: 'Of ways in of which both together have too many, those that stay, with commas between.',
      },
      'dry-run': dryRun,
      yes,
    },
    module: './users-merge-command.ts',
    action: 'merge',
    exits: dryRunExits,
  },
  {
    name: 'users unmerge',
    summary:
      'Take a merge back: what was moved goes back, what came later stays. Named by the merge, or by either user.',
    usage: '<user>',
    args: one,
    options: { evidence, 'dry-run': dryRun, yes },
    module: './users-unmerge-command.ts',
    action: 'unmerge',
    exits: dryRunExits,
  },
  {
    name: 'users sessions',
    summary: 'Where a user is signed in: browsers, and apps on their own.',
    usage: user,
    args: one,
    options: {},
    module: './user-sessions-command.ts',
    action: 'sessions',
  },
  {
    name: 'users consents',
    summary: 'What a user has allowed apps of others, and what they refused.',
    usage: user,
    args: one,
    options: {},
    module: './user-consents-command.ts',
    action: 'consents',
  },
  {
    name: 'users revoke',
    summary: 'Sign a user out everywhere, end one session or grant, or take back what was allowed to one client.',
    usage: user,
    args: one,
    options: {
      session: { type: 'string', value: 'ID', summary: 'Only this one, by its id in users sessions.' },
      client: { type: 'string', value: 'ID', summary: 'Only this client, which asks for consent again.' },
      'dry-run': dryRun,
    },
    module: './user-sessions-command.ts',
    action: 'revoke',
    exits: dryRunExits,
  },
  {
    name: 'users why',
    summary:
      'Why somebody was logged out, newest first, or that they were not. Named by a session, grant, request id ' +
      'or user, or - for a token on standard input.',
    usage: '<what>',
    args: one,
    options: { client: { type: 'string', value: 'ID', summary: 'Only what this client had.' } },
    module: './users-why-command.ts',
    action: 'why',
  },
  ...movingCommands,
]
