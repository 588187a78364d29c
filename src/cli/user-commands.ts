import { type Command, dryRun, dryRunExits, full, many, none, type Option, one, paged, why, yes } from './command.ts'
import { movingCommands } from './moving-commands.ts'
import { movingRow } from './support-commands.ts'

const user = '<user>'

const evidence: Option = {
  type: 'string',
  value: 'TEXT',
  summary: 'What shows that both are one person’s, for the audit.',
}

const validFor: Option = {
  type: 'string',
  value: 'DURATION',
  summary: 'How long the link works, from 1m to 3d. Unless said, 1h.',
}

const reason: Option = { type: 'string', value: 'TEXT', summary: 'Why, for the audit.' }

/** The rows of the table for `menshen users`. */
export const userCommands: readonly Command[] = [
  {
    name: 'users show',
    summary:
      'One user with identities, subjects masked. A user is named by id, phone number, e-mail address or user name.',
    usage: user,
    args: one,
    options: {
      full: {
        type: 'boolean',
        summary: 'Subjects in full: phone numbers, addresses, upstream ids; the audit notes it.',
      },
      why,
    },
    module: './users-command.ts',
    action: 'show',
  },
  {
    name: 'users list',
    summary: 'Users, those who came last first, subjects masked.',
    usage: '',
    args: none,
    options: {
      status: { type: 'string', value: 'STATUS', summary: 'Only these: active, locked or deleted.' },
      'created-since': { type: 'string', value: 'TIME', summary: 'Who came then or later.' },
      'created-until': { type: 'string', value: 'TIME', summary: 'Who came before.' },
      'used-since': { type: 'string', value: 'TIME', summary: 'Who has logged in then or later.' },
      'unused-since': {
        type: 'string',
        value: 'TIME',
        summary: 'Who has not logged in since. All users are looked through, 10 000 at a time.',
      },
      ...paged,
      full,
      why,
    },
    module: './user-search-command.ts',
    action: 'list',
  },
  {
    name: 'users find',
    summary:
      'Users by an id, a phone number, an e-mail address, a user name, what an upstream calls them (openid, unionid, with or without its namespace), or the beginning of a nickname.',
    usage: '<text>',
    args: one,
    options: { ...paged, full, why },
    module: './user-search-command.ts',
    action: 'find',
  },
  {
    name: 'users create',
    summary:
      'Make a user. Each argument is a way in: a phone number, an e-mail address, a user name, or PROVIDER=SUBJECT. They let nobody in, but by proving them, unless --proved; a user name does with a password.',
    usage: '<identity>...',
    args: many,
    options: {
      nickname: { type: 'string', value: 'TEXT', summary: 'The name that is shown.' },
      proved: { type: 'boolean', summary: 'You know that all of them are this person’s.' },
      'password-stdin': { type: 'boolean', summary: 'Read a password from standard input.' },
      link: { type: 'boolean', summary: 'Tell a link by which they choose their first password, once.' },
      'valid-for': validFor,
      why,
      'dry-run': dryRun,
    },
    module: './user-create-command.ts',
    action: 'create',
    exits: dryRunExits,
  },
  {
    name: 'users password reset-link',
    summary:
      'A link for its owner, by which they choose another password without logging in, once. It ends every session and token; it ends by itself with whatever signs them out.',
    usage: user,
    args: one,
    options: { 'valid-for': validFor, why, 'dry-run': dryRun },
    module: './user-password-command.ts',
    action: 'resetLink',
    exits: dryRunExits,
  },
  {
    name: 'users lock',
    summary: 'Lock a user out, and end every session and token.',
    usage: user,
    args: one,
    options: { why, 'dry-run': dryRun },
    module: './users-command.ts',
    action: 'lock',
    exits: dryRunExits,
  },
  {
    name: 'users unlock',
    summary: 'Let a locked user in again.',
    usage: user,
    args: one,
    options: { why, 'dry-run': dryRun },
    module: './users-command.ts',
    action: 'unlock',
    exits: dryRunExits,
  },
  movingRow('users identities move'),
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
    name: 'users delete',
    summary:
      'Delete a user: all sessions and tokens end at once, the rest goes when the wait of the settings is over, and until then the owner may take it back.',
    usage: user,
    args: one,
    options: {
      now: { type: 'boolean', summary: 'Without the wait: nothing can be taken back.' },
      reason,
      'dry-run': dryRun,
      yes,
    },
    module: './user-deletion-command.ts',
    action: 'remove',
    exits: dryRunExits,
  },
  {
    name: 'users undelete',
    summary: 'Take the deletion of a user back, as long as it is not done.',
    usage: user,
    args: one,
    options: { reason, 'dry-run': dryRun },
    module: './user-deletion-command.ts',
    action: 'undelete',
    exits: dryRunExits,
  },
  {
    name: 'users export',
    summary:
      'What is kept about one user, as they would get it: an archive in a file, or with --json the data on standard output. With --all every account, in the form that users import reads: with their ids, and with hashes as they are.',
    usage: '[<user>]',
    args: { min: 0, max: 1 },
    options: {
      all: { type: 'boolean', summary: 'All accounts instead of one, so that nothing keeps you here.' },
      out: {
        type: 'string',
        value: 'FILE',
        summary:
          'A new file that only its owner reads. Unless said, <id>.zip here for one user, and standard output for all.',
      },
      lang: {
        type: 'string',
        value: 'TAG',
        summary: 'Language of the page in the archive. Unless said, the first one.',
      },
      why,
    },
    module: './users-export-command.ts',
    action: 'exportUsers',
  },
  {
    name: 'users sessions',
    summary:
      'Where a user is signed in: browsers, and apps on their own. After more than a page: --after with the last id.',
    usage: user,
    args: one,
    options: { ...paged },
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
      why,
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
