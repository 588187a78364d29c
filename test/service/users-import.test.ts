import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openShell, type Result, type Shell } from '../support/cli.ts'

let shell: Shell

beforeEach(async () => {
  shell = await openShell()
})
afterEach(() => shell.close())

const lines = (...rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const phone = (subject: string, more: object = {}) => ({ provider: 'phone', subject, ...more })
const account = (external_id: string, ...identities: readonly object[]) => ({ external_id, identities })

interface Told {
  readonly applied: boolean
  readonly imported: number
  readonly unchanged: number
  readonly differing: number
  readonly problems: number
  readonly findings: readonly { file: string; line: number; kind: string; code: string; text: string }[]
}

async function run(text: string | Buffer, ...more: string[]): Promise<Told & { readonly status: number }> {
  await shell.write('users.jsonl', text as string)
  const { status, stdout, stderr } = await shell.run('users', 'import', 'users.jsonl', '--json', ...more)
  if (!stdout) throw new Error(stderr)
  return { status, ...(JSON.parse(stdout) as Told) }
}

const places = ({ findings }: Told) => findings.map(({ line, code }) => `${line} ${code}`)

async function everything() {
  const { knex } = shell.database.database
  const { rows } = await knex.raw(`
    select i.external_id, u.nickname, u.status, u.created_at, (
        select json_agg(json_build_array(n.provider, s.subject, n.verified_at is not null) order by n.provider, s.position)
        from identities n join identity_subjects s on s.identity_id = n.id where n.user_id = u.id
      ) as identities, (select hash from passwords p where p.user_id = u.id) as hash
    from imported_accounts i join users u on u.id = i.user_id order by i.external_id`)
  return rows as {
    external_id: string
    nickname: string
    status: string
    created_at: Date
    identities: unknown
    hash: string
  }[]
}

const whole = {
  external_id: '7',
  nickname: '门神',
  picture: 'https://example.com/a.png',
  created_at: '2020-05-06T07:08:09Z',
  status: 'locked',
  identities: [
    phone('138 0013 8000', { verified: true }),
    { provider: 'email', subject: 'Li@Example.com' },
    { provider: 'username', subject: 'LiSi' },
    { provider: 'wechat', subjects: ['unionid:o6', 'openid:wx1:oL'] },
  ],
  password: { algorithm: 'bcrypt', hash: '$2y$10$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq' },
}

describe('an account of a file', () => {
  test('is there as the file says, with what is not proved marked as such', async () => {
    expect(await run(lines(whole))).toMatchObject({ status: 0, applied: true, imported: 1, problems: 0 })
    expect(await everything()).toEqual([
      {
        external_id: '7',
        nickname: '门神',
        status: 'locked',
        created_at: new Date('2020-05-06T07:08:09Z'),
        identities: [
          ['email', 'li@example.com', false],
          ['phone', '+8613800138000', true],
          ['username', 'lisi', true],
          ['wechat', 'unionid:o6', true],
          ['wechat', 'openid:wx1:oL', true],
        ],
        hash: '$2b$10$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq',
      },
    ])
  })

  test('comes once: a second run changes nothing, and one that says something else changes nothing either', async () => {
    await run(lines(whole))
    const before = await everything()
    expect(await run(lines(whole))).toMatchObject({ status: 0, imported: 0, unchanged: 1, findings: [] })
    const told = await run(lines({ ...whole, nickname: 'another' }))
    expect(told).toMatchObject({ status: 0, imported: 0, differing: 1 })
    expect(places(told)).toEqual(['1 differs'])
    expect(await everything()).toEqual(before)
  })

  test('has no weak hash anywhere: it lies in argon2id', async () => {
    const password = { algorithm: 'md5', hash: 'bca034aa9ecbeedd573fac73e98eaac1' }
    await run(lines({ ...account('1', { provider: 'username', subject: 'old' }), password }))
    const [{ hash = '' } = {}] = await everything()
    expect(hash).toMatch(/^\$former\$md5\(password\)\$\$\$argon2id\$v=19\$/)
    const { knex } = shell.database.database
    const { rows } = await knex.raw(`select fingerprint from imported_accounts`)
    const again = await run(lines({ ...account('1', { provider: 'username', subject: 'old' }) }))
    expect(again).toMatchObject({ unchanged: 1 })
    expect(rows).toHaveLength(1)
  })

  test('is written down in the audit, one row for many', async () => {
    await run(lines(account('1', phone('13800138001')), account('2', phone('13800138002'))))
    const rows = await shell.database.database.knex('audit_events').where({ event: 'users.imported' }).select('detail')
    expect(rows).toEqual([{ detail: { operator: 'alice', source: 'menshen', accounts: 2 } }])
  })
})

describe('a dry run', () => {
  test('does what the run does, and takes it back', async () => {
    expect(await run(lines(whole), '--dry-run')).toMatchObject({ status: 3, applied: false, imported: 1 })
    expect(await everything()).toEqual([])
    expect(await shell.database.database.knex('users').select('id')).toEqual([])
    expect(await shell.database.database.knex('audit_events').select('id')).toEqual([])
    await run(lines(whole))
    expect(await run(lines(whole), '--dry-run')).toMatchObject({ status: 0, unchanged: 1 })
  })

  test('says how long the hashes would take', async () => {
    await shell.write(
      'w.jsonl',
      lines({
        ...account('1', phone('13800138000')),
        password: { algorithm: 'md5', hash: 'bca034aa9ecbeedd573fac73e98eaac1' },
      }),
    )
    const { stdout } = await shell.run('users', 'import', 'w.jsonl', '--dry-run')
    expect(stdout).toMatch(/1 weak hashes would be wrapped, \d+ a second: about \d+s\n/)
  })
})

describe('a row with a problem', () => {
  const good = account('good', phone('13900139000'))

  test.each<[string, string, string]>([
    ['no JSON', '{"external_id": "1"', 'json'],
    ['a list', '[1, 2]', 'not_an_object'],
    ['a member twice', '{"external_id":"1","external_id":"2","identities":[]}', 'duplicate_key'],
    [
      'a member twice, deeper',
      '{"external_id":"1","identities":[{"provider":"phone","subject":"13800138000","subject":"13800138001"}]}',
      'duplicate_key',
    ],
    [
      'a member twice, written in two ways',
      '{"external_id":"1","external\\u005fid":"2","identities":[]}',
      'duplicate_key',
    ],
    [
      'lists in lists',
      `{"external_id":"1","identities":[],"x":${'['.repeat(400_000)}${']'.repeat(400_000)}}`,
      'too_deep',
    ],
    ['a NUL', '{"external_id":"1","nickname":"a\\u0000b","identities":[]}', 'nul'],
    ['a member that nobody knows', '{"external_id":"1","identities":[],"role":"admin"}', 'shape'],
    [
      '200 members',
      `{"external_id":"1","identities":[],${Array.from({ length: 200 }, (_, index) => `"c${index}":1`).join(',')}}`,
      'shape',
    ],
    ['no identities', lines(account('1')).trim(), 'no_identity'],
    ['a number in scientific notation', lines(account('1', phone('1.38E+10'))).trim(), 'phone'],
    [
      'a phone number that is a number',
      '{"external_id":"1","identities":[{"provider":"phone","subject":1.38E+10}]}',
      'shape',
    ],
    ['40 digits', lines(account('1', phone('1'.repeat(40)))).trim(), 'phone'],
    ['an address that is none', lines(account('1', { provider: 'email', subject: 'a@b' })).trim(), 'email'],
    [
      'half a surrogate pair',
      '{"external_id":"1","identities":[{"provider":"wechat","subject":"\\ud800"}]}',
      'subject',
    ],
    [
      'a time to come',
      lines({ ...account('1', phone('13800138000')), created_at: '2100-01-01T00:00:00Z' }).trim(),
      'created_at',
    ],
    [
      'a hash of an unknown kind',
      lines({ ...account('1', phone('13800138000')), password: { algorithm: 'rot13', hash: 'x' } }).trim(),
      'shape',
    ],
    [
      'a hash that is none',
      lines({ ...account('1', phone('13800138000')), password: { algorithm: 'bcrypt', hash: 'x' } }).trim(),
      'password',
    ],
    [
      'ten million characters',
      `{"external_id":"1","nickname":"${'x'.repeat(10_000_000)}","identities":[]}`,
      'too_long',
    ],
  ])(
    'because of %s is told with its line, and nothing is imported unless it may be passed over',
    async (_, row, code) => {
      const text = `${lines(good)}${row}\n${lines(account('other', phone('13900139001')))}`
      const refused = await run(text)
      expect(places(refused)).toEqual([`2 ${code}`])
      expect(refused).toMatchObject({ status: 1, applied: false, imported: 0 })
      expect(await everything()).toEqual([])
      expect(await run(text, '--skip-invalid')).toMatchObject({ status: 1, applied: true, imported: 2 })
      expect((await everything()).map(({ external_id }) => external_id)).toEqual(['good', 'other'])
    },
  )

  test('does not show whose number or address it is', async () => {
    await run(lines(account('1', phone('13800138000', { verified: true }))))
    const { findings } = await run(lines(account('2', phone('13800138000', { verified: true }))))
    expect(findings).toEqual([
      { file: 'users.jsonl', line: 1, kind: 'problem', code: 'taken', text: 'somebody here has this identity: phone' },
    ])
  })
})

describe('a file', () => {
  test('may begin with the mark of Windows programs, end its lines as they do, and lack the last end', async () => {
    const text = `\uFEFF${lines(account('1', phone('13800138001')), account('2', phone('13800138002')))}`
    expect(await run(text.replaceAll('\n', '\r\n').trimEnd())).toMatchObject({ status: 0, imported: 2 })
  })

  test('may be in GBK when that is said, and is refused by its line when it is not', async () => {
    const row = lines({ ...account('1', phone('13800138001')), nickname: '测试' })
    const gbk = Buffer.concat(
      [row.split('测试')[0] ?? '', [0xb2, 0xe2, 0xca, 0xd4], row.split('测试')[1] ?? ''].map((part) =>
        Buffer.from(part as string),
      ),
    )
    const refused = await run(gbk)
    expect([refused.status, ...places(refused)]).toEqual([1, '1 charset'])
    expect(await run(gbk, '--charset', 'gbk')).toMatchObject({ status: 0, imported: 1 })
    expect(await everything()).toMatchObject([{ nickname: '测试' }])
  })

  test.each<[string, string]>([
    ['--from', 'nothing'],
    ['--charset', 'klingon'],
    ['--verified', 'face'],
    ['--apps', 'wx'],
    ['--country', 'CN'],
  ])('is not read when %s makes no sense', async (...flag) => {
    await shell.write('users.jsonl', '')
    const result: Result = await shell.run('users', 'import', 'users.jsonl', ...flag)
    expect(result).toMatchObject({ status: 2, stdout: '' })
  })
})
