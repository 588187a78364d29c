import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { connectionOptions, namespacesOf } from '../../interactions/upstreams/connections.ts'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { IssuersChanged, rememberIssuers } from '../../src/accounts/issuers.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { untilLocked } from '../support/database.ts'
import { openWorld } from '../support/world.ts'

const log = { error: (...lines: unknown[]) => expect.fail(JSON.stringify(lines)) }
const clock = () => Date.parse('2026-03-01T00:00:00Z')

const oidc = (issuer: string, more: object = {}) => ({
  ...{ type: 'oidc', id: 'corp', name: 'corp', client_id: 'c', client_secret: 'canary-secret', issuer },
  ...more,
})
const server = (host: string, id = 'ghe') => ({
  ...{ type: 'github', id, client_id: 'c', client_secret: 's' },
  ...{ web_url: `https://${host}`, api_url: `https://${host}/api/v3` },
})
const github = { type: 'github', client_id: 'c', client_secret: 's' }
const wechat = (...appids: string[]) => ({
  ...{ type: 'wechat', website: { appid: appids[0], secret: 's' } },
  ...(appids[1] === undefined ? {} : { mini_program: { appid: appids[1], secret: 's' } }),
})
const [here, there] = ['https://sso.example.cn', 'https://other.example.cn']

let shell: Shell

beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
})

const env = (connections: readonly object[]) => ({ MENSHEN_CONNECTIONS: JSON.stringify(connections) })
const stored = () => shell.database.database.knex('identity_issuers').orderBy('provider')
const refusalOf = (starting: Promise<unknown>) =>
  starting.then(
    () => undefined,
    (error: unknown) => error as Error,
  )

/** What a start does before anybody is let in. */
function begin(connections: readonly object[], { allowInsecure = false } = {}): Promise<void> {
  const parsed = connections.map((each) => connectionOptions.parse(each))
  const { database } = shell.database
  return rememberIssuers({ database, clock, log }, namespacesOf(parsed, { allowInsecure }))
}

/** Somebody with this identity; the answer is the id of the account. */
async function registered(provider: string, subject: string): Promise<string> {
  const directory = new AccountDirectory({ database: shell.database.database, clock })
  const claim = { provider, subjects: [subject] as [string], profile: {} }
  return (await directory.register(claim, { ip: '203.0.113.7' })).user.id
}

async function ownerOf(provider: string, subject: string): Promise<string | undefined> {
  const directory = new AccountDirectory({ database: shell.database.database, clock })
  return directory.ownerOf({ provider, subjects: [subject], profile: {} })
}

describe('what is remembered of a name', () => {
  test('is whose people it stood for at the first start, and that does not change by itself', async () => {
    await begin([oidc(here), wechat('wx1')])
    await begin([oidc(`${here}/`), wechat('wx1')])
    expect(await stored()).toMatchObject([
      { provider: 'oidc:corp', issuer: `${here}/`, apps: [] },
      { provider: 'wechat', issuer: 'weixin.qq.com', apps: ['wx1'] },
    ])
    const refusal = await refusalOf(begin([oidc(there), wechat('wx1')]))
    expect(refusal).toBeInstanceOf(IssuersChanged)
    expect(refusal?.message).toContain(`oidc:corp stands for people of ${here}/`)
    expect(refusal?.message).toContain('menshen connections accept corp')
    expect(refusal?.message).toContain('give it another `name`')
    expect(await stored()).toMatchObject([{ issuer: `${here}/` }, { provider: 'wechat' }])
  })

  test('is another’s under another name: both go on beside each other', async () => {
    await begin([oidc(here)])
    await begin([oidc(here), oidc(there, { id: 'other', name: 'other' })])
    expect(await stored()).toHaveLength(2)
  })

  test('is the apps an account has had so far: one that is added is theirs, others alone are somebody else’s', async () => {
    await begin([wechat('wx1')])
    await begin([wechat('wx1', 'wx2')])
    await begin([wechat('wx2', 'wx3')])
    await begin([wechat('wx1')])
    expect(await stored()).toMatchObject([{ apps: ['wx1', 'wx2', 'wx3'] }])
    expect(await refusalOf(begin([wechat('wx7', 'wx8')]))).toBeInstanceOf(IssuersChanged)
    const gateway = { ...wechat('wx1'), api_url: 'https://gateway.example.cn' }
    expect(await refusalOf(begin([gateway]))).toBeInstanceOf(IssuersChanged)
    await begin([{ ...wechat('wx1'), api_url: 'https://sh.api.weixin.qq.com' }])
  })

  test('is since when that is so: not since another app came, but since another issuer was accepted', async () => {
    const { knex } = shell.database.database
    const since = async () => (await stored())[0]?.since.getTime()
    await begin([wechat('wx1'), oidc(here)])
    await knex('identity_issuers').update({ since: new Date(0) })
    await begin([wechat('wx1', 'wx2'), oidc(here)])
    expect((await stored()).map((row) => [row.provider, row.since.getTime()])).toEqual([
      ['oidc:corp', 0],
      ['wechat', 0],
    ])
    expect((await shell.runWith(env([oidc(there)]), 'connections', 'accept', 'corp')).status).toBe(0)
    expect(await since()).toBeGreaterThan(0)
  })

  test('is nothing when one of several names is refused', async () => {
    await begin([oidc(here)])
    expect(await refusalOf(begin([wechat('wx1'), oidc(there)]))).toBeInstanceOf(IssuersChanged)
    expect(await stored()).toMatchObject([{ provider: 'oidc:corp' }])
  })

  test.each(Array.from({ length: 5 }, (_, round) => round))(
    'is decided by one of two servers that start at once with two addresses, round %i',
    async () => {
      const { knex } = shell.database.database
      const trx = await knex.transaction()
      await trx.raw(`select pg_advisory_xact_lock(hashtext('menshen:identity_issuers'))`)
      const starts = [here, there, here, there].map((issuer) => begin([oidc(issuer)]))
      const outcomes = Promise.allSettled(starts)
      await untilLocked(knex, starts.length)
      await trx.commit()
      const won = (await outcomes).map(({ status }) => status === 'fulfilled')
      const [row] = await stored()
      expect(won).toEqual([here, there, here, there].map((issuer) => row.issuer === `${issuer}/`))
    },
  )
})

describe('the sandbox', () => {
  const standIn = (port: number) => oidc(`http://127.0.0.1:${port}`)

  test('starts again on other ports', async () => {
    await begin([standIn(4001)], { allowInsecure: true })
    await registered('oidc:corp', '7')
    await begin([standIn(4002)], { allowInsecure: true })
  })

  test('may put a stand-in in the place of a real server, which is not forgotten for it', async () => {
    await begin([oidc(here)], { allowInsecure: true })
    await begin([standIn(4001)], { allowInsecure: true })
    expect(await stored()).toMatchObject([{ issuer: `${here}/` }])
  })

  test('gives way to a real server as long as nobody came by its stand-in', async () => {
    await begin([standIn(4001)], { allowInsecure: true })
    await begin([oidc(here)], { allowInsecure: true })
    expect(await stored()).toMatchObject([{ issuer: `${here}/` }])
  })

  test('does not hand the accounts of its stand-ins to the people of a real server', async () => {
    await begin([standIn(4001)], { allowInsecure: true })
    await registered('oidc:corp', '7')
    const refusal = await refusalOf(begin([oidc(here)]))
    expect(refusal?.message).toContain('oidc:corp stands for people of a stand-in of the sandbox')
  })

  test('and production knows no stand-ins: an address of this machine is one like any other', async () => {
    await begin([oidc('https://localhost:4001')])
    expect(await refusalOf(begin([oidc('https://localhost:4002')]))).toBeInstanceOf(IssuersChanged)
  })
})

describe('identities that an earlier version filed under github, whatever the server', () => {
  test('stay github.com’s where that alone is connected', async () => {
    const user = await registered('github', '7')
    await begin([github])
    await begin([github, server('ghe.example.cn')])
    expect(await ownerOf('github', '7')).toBe(user)
    expect(await ownerOf('github:ghe.example.cn', '7')).toBeUndefined()
  })

  test('go with the Enterprise Server where that alone is connected, also those that an old process adds', async () => {
    const users = [await registered('github', '7'), await registered('github', '8')]
    await begin([server('ghe.example.cn')])
    users.push(await registered('github', '9'))
    await registered('github', '7')
    await begin([server('ghe.example.cn')])
    const found = await Promise.all(['7', '8', '9'].map((subject) => ownerOf('github:ghe.example.cn', subject)))
    expect(found).toEqual(users)
    const events = await shell.database.database.knex('audit_events').where({ event: 'connection.accepted' })
    expect(events).toMatchObject([{ detail: { from: 'github', moved: 2 } }, { detail: { from: 'github', moved: 1 } }])
  })

  test('are for the operator to decide about where both are connected', async () => {
    await registered('github', '7')
    const connections = [github, server('ghe.example.cn')]
    const refusal = await refusalOf(begin(connections))
    expect(refusal?.message).toContain('menshen connections accept ghe --from github')
    expect(refusal?.message).toContain('menshen connections accept github')
    expect(await stored()).toEqual([])
  })

  test('are github.com’s when the operator says so', async () => {
    const user = await registered('github', '7')
    const connections = [github, server('ghe.example.cn')]
    expect(await shell.runWith(env(connections), 'connections', 'accept', 'github')).toMatchObject({ status: 0 })
    await begin(connections)
    expect(await ownerOf('github', '7')).toBe(user)
  })

  test('are the Enterprise Server’s when the operator says so', async () => {
    const user = await registered('github', '7')
    const connections = [github, server('ghe.example.cn')]
    const { status, stdout, stderr } = await shell.runWith(
      env(connections),
      ...'connections accept ghe --from github'.split(' '),
    )
    expect(status).toBe(0)
    expect(stdout).toBe('github:ghe.example.cn stands for people of ghe.example.cn\n')
    expect(stderr).toContain('1 identities of github are filed under github:ghe.example.cn now')
    await begin(connections)
    expect(await ownerOf('github', '7')).toBeUndefined()
    expect(await ownerOf('github:ghe.example.cn', '7')).toBe(user)
  })
})

describe('connections accept', () => {
  const accept = (connections: readonly object[], ...argv: string[]) =>
    shell.runWith(env(connections), 'connections', 'accept', ...argv)

  test('says what it means for who is filed there, lets the server start, and leaves a line in the audit', async () => {
    await begin([oidc(here)])
    const user = await registered('oidc:corp', '7')
    const { status, stdout, stderr } = await accept([oidc(there)], 'corp')
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: `oidc:corp stands for people of ${there}/, and no longer for those of ${here}/\n`,
    })
    expect(stderr).toContain('1 identities are filed under it: whoever has the same subject')
    expect(stderr).toContain('give it another `name` instead')
    await begin([oidc(there)])
    expect(await refusalOf(begin([oidc(here)]))).toBeInstanceOf(IssuersChanged)
    expect(await ownerOf('oidc:corp', '7')).toBe(user)
    const [event] = await shell.database.database.knex('audit_events').where({ event: 'connection.accepted' })
    expect(event).toMatchObject({
      identity_provider: 'oidc:corp',
      detail: { before: `${here}/`, issuer: `${there}/`, operator: 'alice' },
    })
    expect(await accept([oidc(there)], 'corp')).toEqual({ status: 0, stdout: 'no changes\n', stderr: '' })
  })

  test('as a dry run writes nothing, and says with 3 that there is something to change', async () => {
    await begin([oidc(here)])
    const before = await stored()
    const { status, stdout } = await accept([oidc(there)], 'corp', '--dry-run', '--json')
    expect(status).toBe(3)
    expect(JSON.parse(stdout)).toEqual({
      ...{ provider: 'oidc:corp', issuer: `${there}/`, before: `${here}/`, changed: false },
      ...{ identities: 0, moved: 0, left: 0 },
    })
    expect(await stored()).toEqual(before)
    expect(await shell.database.database.knex('audit_events')).toEqual([])
  })

  test('brings along what was filed under another name, but for what somebody there has already', async () => {
    const moved = await registered('oidc:old', '7')
    await registered('oidc:old', '8')
    const holder = await registered('oidc:corp', '8')
    const bystander = await registered('github', '9')
    const { stdout } = await accept([oidc(here)], 'corp', '--from', 'oidc:old', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ changed: true, identities: 2, moved: 1, left: 1 })
    expect(await ownerOf('oidc:corp', '7')).toBe(moved)
    expect(await ownerOf('oidc:corp', '8')).toBe(holder)
    expect([await ownerOf('oidc:corp', '9'), await ownerOf('github', '9')]).toEqual([undefined, bystander])
  })

  test.each([
    [['nobody'], 'there is no connection "nobody"; menshen connections list shows all'],
    [['corp', '--from', 'phone'], 'phone belongs to no connection'],
    [['corp', '--from', 'oidc:corp'], 'is what corp is filed under already'],
  ])('refuses %j', async (argv, reason) => {
    const { status, stderr } = await accept([oidc(here)], ...argv)
    expect(status).toBe(1)
    expect(stderr).toContain(reason)
  })
})

test('connections list puts what is configured beside what is remembered, and counts who is filed there', async () => {
  await begin([oidc(here), wechat('wx1')])
  await registered('oidc:corp', '7')
  await registered('phone', '+8613800138000')
  const { status, stdout, stderr } = await shell.runWith(env([oidc(there)]), 'connections', 'list', '--json')
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject([
    {
      ...{ connection: 'corp', provider: 'oidc:corp', issuer: `${there}/`, remembered: `${here}/` },
      ...{ identities: 1, is_refused: true },
    },
    { connection: null, provider: 'wechat', issuer: null, remembered: 'weixin.qq.com (wx1)', identities: 0 },
  ])
  expect(stderr).toContain('menshen connections accept corp')
  expect((await shell.runWith(env([oidc(here)]), 'connections', 'list')).stdout).toMatch(/^corp +oidc:corp +https:/m)
})

test('the doctor names whose people are filed where, and what was changed', async () => {
  await begin([oidc(here)])
  const of = async (issuer: string) => {
    const { stdout } = await shell.runWith(env([oidc(issuer)]), 'doctor', '--json')
    const { checks } = JSON.parse(stdout) as { checks: { name: string }[] }
    return checks.filter(({ name }) => name === 'identities')
  }
  const detail = `connection corp: people of ${here}/, under oidc:corp`
  expect(await of(here)).toEqual([{ name: 'identities', status: 'ok', detail }])
  expect(await of(there)).toMatchObject([
    {
      status: 'fail',
      detail: expect.stringContaining(here),
      advice: expect.stringContaining('connections accept corp'),
    },
  ])
})

describe.each(['redis', 'tables'] as const)('a server, short-lived values in %s', (stores) => {
  test('does not start with the address of another issuer, and starts when that was accepted', async () => {
    const world = await openWorld({ stores, env: env([oidc(here)]) })
    onTestFinished(() => world.close())
    const again = (issuer: string) => openWorld({ stores, beside: world, env: env([oidc(issuer)]) })
    const refusal = await refusalOf(again(there))
    expect(refusal).toBeInstanceOf(IssuersChanged)
    expect(refusal?.message).not.toContain('canary-secret')
    await (await again(here)).close()
  })
})
