import { AccountDirectory } from '../../src/accounts/directory.ts'
import { ownerMessages } from '../../src/accounts/owner-messages.ts'
import type { UserId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { type Merging, merging } from '../../src/oidc/endings/merging.ts'
import { memberName } from '../../src/oidc/library/payload.ts'
import { sealer } from '../../src/store/seal.ts'
import { secretKey } from './cli.ts'
import { createDatabase, type TestDatabase } from './database.ts'
import { claimOf } from './several.ts'

/** Accounts, and what merges them, on a database of their own. */
export interface MergeHome {
  readonly home: TestDatabase
  readonly directory: AccountDirectory
  readonly merges: Merging
  /** Milliseconds since the epoch. */
  now: number
  /** An account with a phone number and a WeChat. */
  person(nickname?: string): Promise<UserId>
  close(): Promise<void>
}

const use = { ip: '203.0.113.7' }
const day = 86_400_000

export async function openMergeHome(limits: Readonly<Record<string, number>> = {}): Promise<MergeHome> {
  const home = await createDatabase()
  const limitOf = (provider: string) => limits[provider]
  const clock = () => opened.now
  const { queue: tell } = ownerMessages({ sealer: sealer({ keys: [new Secret(secretKey)] }) })
  const directory = new AccountDirectory({ database: home.database, clock, limitOf })
  let people = 0
  const opened: MergeHome = {
    home,
    directory,
    merges: merging({ database: home.database, clock, limitOf, tell }),
    // Not ahead of the database: what cannot be undone goes by the older clock of both.
    now: Date.now() - 30 * day,
    async person(nickname) {
      people++
      opened.now += 1000
      const { user } = await directory.register(claimOf('wechat', [`unionid:m-${people}`], nickname), use)
      await directory.bind(user.id, claimOf('phone', [`+86137${10_000_000 + people}`]), use)
      opened.now += 1000
      return user.id
    },
    close: () => home.drop(),
  }
  return opened
}

/** A browser session, and the grant that an app has got from it, with what both came by. */
export async function giveLogin(
  { home }: Pick<MergeHome, 'home'>,
  userId: UserId,
  name: string,
  by: readonly string[],
) {
  const about = JSON.stringify({ method: 'wechat', by, ip: use.ip })
  const common = { user_id: userId, expires_at: new Date(Date.UTC(2099, 0)), about }
  await home.database.knex('oidc_records').insert([
    { ...common, id: name, model: 1, uid: name, payload: JSON.stringify({ [memberName('loginTs')]: 1 }) },
    { ...common, id: `grant-${name}`, model: 2, payload: JSON.stringify({ clientId: 'app' }) },
  ])
}

/** What of those logins is left. */
export async function loginsLeft({ home }: Pick<MergeHome, 'home'>, userId: UserId): Promise<string[]> {
  const rows = await home.database
    .knex('oidc_records')
    .where({ user_id: userId, model: 1 })
    .select('uid')
    .orderBy('uid')
  return rows.map(({ uid }) => uid)
}

/** What leads to an account, in short. */
export async function waysOf({ directory }: Pick<MergeHome, 'directory'>, userId: UserId): Promise<string[]> {
  const account = await directory.find(userId)
  return (account?.identities ?? []).flatMap(({ subjects }) => subjects).sort()
}
