import { type Command, dryRun, dryRunExits, full, many, none, one, paged, why, yes } from './command.ts'

const since = { type: 'string', value: 'TIME', summary: 'What happened then or later.' } as const

/** The row of the command that moves a way in; `users identities move` is how it was called first. */
export function movingRow(name: string): Command {
  return {
    name,
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
      yes,
      'dry-run': dryRun,
    },
    module: './user-identities-command.ts',
    action: 'move',
    exits: dryRunExits,
  }
}

/** The rows of the table for what support looks up, and for single ways in. */
export const supportCommands: readonly Command[] = [
  {
    name: 'identities list',
    summary: 'The ways in of one user, subjects masked.',
    usage: '<user>',
    args: one,
    options: { full, why },
    module: './identities-command.ts',
    action: 'list',
  },
  {
    name: 'identities unbind',
    summary: 'Take a way in from its user, who is told; every login that was made with it ends.',
    usage: '<identity>',
    args: one,
    options: {
      last: { type: 'boolean', summary: 'Also when its user is left without a way in.' },
      why,
      yes,
      'dry-run': dryRun,
    },
    module: './identities-command.ts',
    action: 'unbind',
    exits: dryRunExits,
  },
  movingRow('identities move'),
  {
    name: 'abuse status',
    summary: 'Money that messages have cost, codes that are entered, and what was suspected in the last hour.',
    usage: '',
    args: none,
    options: {},
    module: './abuse-command.ts',
    action: 'status',
  },
  {
    name: 'abuse test',
    summary: 'Try the rules in force on traffic, one JSON object a line; nothing is sent or stored.',
    usage: '<file>...',
    args: many,
    options: { each: { type: 'boolean', summary: 'Every decision as a line of JSON, instead of the sums.' } },
    module: './abuse-command.ts',
    action: 'test',
  },
  {
    name: 'audit',
    summary: 'What happened, the newest first; addresses masked.',
    usage: '',
    args: none,
    options: {
      user: { type: 'string', value: 'USER', summary: 'Only of this user, named as for users show.' },
      client: { type: 'string', value: 'ID', summary: 'Only of this client.' },
      event: { type: 'string', value: 'NAME', summary: 'Only this event, as docs/observability.md lists them.' },
      since,
      until: { type: 'string', value: 'TIME', summary: 'What happened before.' },
      ...paged,
      all: { type: 'boolean', summary: 'Every page, as it is read; with --json an object a line.' },
      full,
      why,
    },
    module: './audit-command.ts',
    action: 'audit',
  },
  {
    name: 'requests',
    summary: 'What happened under a request id, which error pages, log lines and answers to apps tell.',
    usage: '<id>',
    args: one,
    options: { full, why },
    module: './audit-command.ts',
    action: 'requests',
  },
]
