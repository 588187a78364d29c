import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openShell, type Shell } from '../support/cli.ts'
import { csv, lines, md5, moveIn } from '../support/moving.ts'

let shell: Shell

beforeEach(async () => {
  shell = await openShell()
})
afterEach(() => shell.close())

describe('accounts move in from', () => {
  test('our own form in columns', async () => {
    const text = csv(
      [
        'external_id',
        'nickname',
        'created_at',
        'phone',
        'phone_verified',
        'username',
        'identity:wechat',
        'password_algorithm',
        'password_hash',
      ],
      ['1', '李四', '2020-01-02', '138 0013 8000', 'true', 'lisi', 'unionid:o1 openid:wx1:p1', 'md5', md5],
      ['2', '', '', '13800138001', '', '', '', '', ''],
    )
    expect(await moveIn(shell, 'menshen', { 'users.csv': text })).toMatchObject({
      ...{ status: 0, told: [] },
      rows: [
        {
          id: '1',
          nickname: '李四',
          day: '2020-01-01',
          ways: 'phone=+8613800138000 username=lisi wechat=unionid:o1 wechat=openid:wx1:p1',
          hash: 'md5(password)',
        },
        { id: '2', ways: 'phone=+8613800138001~' },
      ],
    })
  })

  test('four tables of a Chinese site, which may come in any order', async () => {
    const files = {
      'user_third_auth.csv': csv(
        ['id', 'auth_id', 'login_type', 'openid', 'unionid', 'access_token'],
        ['1', '1', 'wechat', 'p1', 'o1', 'secret'],
      ),
      'user_local_auth.csv': csv(
        ['auth_id', 'username', 'mobile', 'password', 'salt'],
        ['1', 'lisi', '13800138000', md5, 'x1'],
      ),
      'user_auth_rel.csv': csv(
        ['id', 'user_id', 'auth_id', 'auth_type'],
        ['1', '7', '1', 'local'],
        ['2', '7', '1', 'third'],
        ['3', '8', '9', 'local'],
      ),
      'users.csv': csv(
        ['id', 'nickname', 'created_at'],
        ['7', '李四', '2020-01-02 03:04:05'],
        ['8', '无', '2020-01-02 03:04:05'],
      ),
    }
    expect(await moveIn(shell, 'seed-tables', files, '--apps', 'wechat=wx1', '--skip-invalid')).toMatchObject({
      ...{ status: 1, told: ['user_auth_rel.csv:4 no_identity'] },
      rows: [
        {
          id: '7',
          nickname: '李四',
          ways: 'phone=+8613800138000~ username=lisi wechat=unionid:o1 wechat=openid:wx1:p1',
          hash: 'md5(password+salt)',
        },
      ],
    })
  })

  test('the variant with identity_type, identifier and credential', async () => {
    const files = {
      'users.jsonl': lines({ id: 7, nickname: '李四' }),
      'user_auths.jsonl': lines(
        { id: 1, user_id: 7, identity_type: 'phone', identifier: '13800138000', credential: md5 },
        { id: 2, user_id: 7, identity_type: 'username', identifier: 'lisi', credential: md5 },
        { id: 3, user_id: 7, identity_type: 'weixin', identifier: 'p1', credential: 'token' },
      ),
    }
    expect(await moveIn(shell, 'seed-identities', files, '--apps', 'weixin=wx1', '--verified', 'phone')).toMatchObject({
      ...{ status: 0, told: [] },
      rows: [{ id: '7', ways: 'phone=+8613800138000 username=lisi wechat=openid:wx1:p1', hash: 'md5(password)' }],
    })
  })

  test('Logto', async () => {
    const one = {
      ...{
        id: 'abc',
        username: 'lisi',
        primary_email: 'Li@example.com',
        primary_phone: '8613800138000',
        is_suspended: true,
      },
      ...{
        password_encrypted: '$argon2i$v=19$m=8192,t=8,p=1$c29tZXNhbHRzb21l$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
        password_encryption_method: 'Argon2i',
      },
      identities: { wechat: { userId: 'o1', details: { rawData: { openid: 'p1', unionid: 'o1' } } } },
      created_at: 1_600_000_000_000,
    }
    const two = {
      id: 'def',
      username: 'wang',
      password_encrypted: `["sha256",["pepper","@"],"${'a'.repeat(64)}"]`,
      password_encryption_method: 'Legacy',
    }
    expect(await moveIn(shell, 'logto', { 'users.jsonl': lines(one, two) }, '--apps', 'wechat=wx1')).toMatchObject({
      ...{ status: 0, told: [] },
      rows: [
        {
          id: 'abc',
          status: 'locked',
          day: '2020-09-13',
          ways: 'email=li@example.com phone=+8613800138000 username=lisi wechat=unionid:o1 wechat=openid:wx1:p1',
          hash: 'v=19',
        },
        { id: 'def', ways: 'username=wang', hash: "sha256('pepper'+password)" },
      ],
    })
  })

  test('Casdoor, also from its spreadsheet', async () => {
    const text = csv(
      [
        'Organization#owner',
        'Name#name',
        'Phone#phone',
        'Country code#countryCode',
        'Password type#passwordType',
        'Password#password',
        'Salt#passwordSalt',
        'WeChat#wechat',
        'Deleted#isDeleted',
      ],
      [
        'built-in',
        'lisi',
        '13800138000',
        'CN',
        'md5-salt',
        '873d756e61fdda6994f6957d21da6e84',
        'a1b2c3',
        'o1',
        'false',
      ],
      ['built-in', 'gone', '13800138001', 'CN', 'plain', '123456', '', '', 'true'],
      ['built-in', 'wang', '2025550123', 'US', 'plain', '123456', '', '', ''],
    )
    const found = await moveIn(shell, 'casdoor', { 'users.csv': text }, '--apps', 'wechat=unionid', '--skip-invalid')
    expect(found.told).toEqual(['users.csv:3 left_out'])
    expect(found.rows).toMatchObject([
      {
        id: 'built-in/lisi',
        ways: 'phone=+8613800138000~ username=lisi wechat=unionid:o1',
        hash: 'md5(md5(password)+salt)',
      },
      { id: 'built-in/wang', ways: 'phone=+12025550123~ username=wang', hash: 'v=19' },
    ])
  })

  test('a realm of Keycloak', async () => {
    const credential = (secretData: object, credentialData: object) => ({
      ...{ type: 'password', secretData: JSON.stringify(secretData), credentialData: JSON.stringify(credentialData) },
    })
    const value = 'TGHGVr3G/yESAK+2MX7fBVmOlHtLGyo/YbvZTfJ/HA4='
    const salt = Buffer.from('0123456789abcdef').toString('base64')
    const additionalParameters = {
      type: ['id'],
      version: ['1.3'],
      hashLength: ['32'],
      memory: ['7168'],
      parallelism: ['1'],
    }
    const realm = {
      ...{ realm: 'shop', roles: { realm: [{ name: 'users' }] } },
      users: [
        {
          ...{
            id: 'k1',
            username: 'lisi',
            email: 'li@example.com',
            emailVerified: true,
            enabled: true,
            createdTimestamp: 1_600_000_000_000,
          },
          attributes: { phoneNumber: ['13800138000'], nickname: ['李四'] },
          credentials: [credential({ value, salt }, { hashIterations: 5, algorithm: 'argon2', additionalParameters })],
          federatedIdentities: [{ identityProvider: 'github', userId: '42', userName: 'li' }],
        },
        { id: 'k2', username: 'service-account-x', serviceAccountClientId: 'x', enabled: true },
        {
          ...{ id: 'k3', username: 'wang@example.com', email: 'wang@example.com', enabled: false },
          credentials: [credential({ value, salt }, { hashIterations: 210_000, algorithm: 'pbkdf2-sha512' })],
        },
      ],
    }
    expect(await moveIn(shell, 'keycloak', { 'realm.json': JSON.stringify(realm, undefined, 2) })).toMatchObject({
      ...{ status: 0, told: [expect.stringMatching(/^realm.json:\d+ left_out$/)] },
      rows: [
        {
          id: 'k1',
          nickname: '李四',
          ways: 'email=li@example.com github=42 phone=+8613800138000~ username=lisi',
          hash: 'v=19',
        },
        { id: 'k3', status: 'locked', ways: 'email=wang@example.com~', hash: 'i=210000' },
      ],
    })
  })
})
