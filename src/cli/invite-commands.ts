import { type Command, limit, none, one } from './command.ts'

const module = './invites-command.ts'

/** The rows of the table for invitations. */
export const inviteCommands: readonly Command[] = [
  {
    name: 'invites create',
    summary:
      'Make codes with which an account may be made at a client that takes them by invitation, each once. They are shown now and never again.',
    usage: '',
    args: none,
    options: {
      client: { type: 'string', value: 'CLIENT', summary: 'Only at this client; else at any that asks for one.' },
      count: { type: 'string', value: 'NUMBER', summary: 'How many, 1000 at most; one if it is not said.' },
      expires: { type: 'string', value: 'DURATION', summary: 'How long they are good, 14d if it is not said.' },
      note: { type: 'string', value: 'TEXT', summary: 'For whom, so that you find them again.' },
    },
    module,
    action: 'create',
  },
  {
    name: 'invites list',
    summary: 'Invitations, the newest first, and what has become of each; no codes.',
    usage: '',
    args: none,
    options: { limit },
    module,
    action: 'list',
  },
  {
    name: 'invites revoke',
    summary: 'Take an invitation back that nobody has used yet.',
    usage: '<invitation>',
    args: one,
    options: {},
    module,
    action: 'revoke',
  },
]
