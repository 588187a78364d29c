import { type Command, dryRun, dryRunExits, many } from './command.ts'

/** The rows of the table for moving accounts in and out. */
export const movingCommands: readonly Command[] = [
  {
    name: 'users import',
    summary:
      'Move accounts in, from files of another system or of ours. Everything is looked at before anything is written; run again, it goes on where it was ended. docs/accounts.md shows each system.',
    usage: '<file>...',
    args: many,
    options: {
      from: {
        type: 'string',
        value: 'NAME',
        summary:
          'The system: menshen (unless said otherwise), seed-tables, seed-identities, logto, casdoor, keycloak, auth0, supabase, uni-id, discuz, wordpress.',
      },
      'skip-invalid': {
        type: 'boolean',
        summary: 'Import all others when rows have problems; the status is 1 even so.',
      },
      source: {
        type: 'string',
        value: 'NAME',
        summary:
          'What the accounts are filed under with their ids there; the name of the system unless said otherwise.',
      },
      charset: {
        type: 'string',
        value: 'NAME',
        summary: 'The encoding: utf-8 (unless said otherwise), gbk, gb18030 or big5.',
      },
      country: { type: 'string', value: 'CODE', summary: 'Calling code of phone numbers that have none, 86.' },
      verified: {
        type: 'string',
        value: 'KINDS',
        summary: 'What the other system has proved, whatever the file says: phone, email or phone,email.',
      },
      map: {
        type: 'string',
        value: 'FILE',
        summary: 'A JSON object with our name of each column of a CSV, null to leave one out. Not with --from.',
      },
      apps: {
        type: 'string',
        value: 'LIST',
        summary: 'Whose an openid is: wx-mp=wx0123,wx-app=wx4567; unionid in place of an app for union ids.',
      },
      formula: {
        type: 'string',
        value: 'TEXT',
        summary: 'How passwords were hashed where that does not show: md5(md5(password)+salt).',
      },
      secret: {
        type: 'string',
        value: 'NAME',
        summary: 'The secret in password.former_secrets that the other system mixed into its hashes.',
      },
      'dry-run': dryRun,
    },
    module: './users-import-command.ts',
    action: 'importUsers',
    isEndless: true,
    exits: dryRunExits,
  },
]
