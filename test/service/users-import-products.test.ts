import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openShell, type Shell } from '../support/cli.ts'
import { bcrypt, csv, lines, md5, moveIn } from '../support/moving.ts'

let shell: Shell

beforeEach(async () => {
  shell = await openShell()
})
afterEach(() => shell.close())

describe('accounts move in from', () => {
  test('Auth0', async () => {
    const list = [
      {
        user_id: 'auth0|1',
        email: 'li@example.com',
        email_verified: true,
        password_hash: bcrypt,
        identities: [
          { provider: 'auth0', user_id: '1', connection: 'Username-Password-Authentication' },
          { provider: 'google-oauth2', user_id: '99', connection: 'google-oauth2' },
        ],
      },
      {
        user_id: 'auth0|2',
        email: 'wang@example.com',
        custom_password_hash: {
          algorithm: 'md5',
          hash: { value: md5, encoding: 'hex' },
          salt: { value: 'x1', position: 'prefix' },
        },
      },
    ]
    expect(await moveIn(shell, 'auth0', { 'users.json': JSON.stringify(list) })).toMatchObject({
      ...{ status: 0, told: [] },
      rows: [
        { id: 'auth0|1', ways: 'email=li@example.com oidc:google-oauth2=99', hash: '10' },
        { id: 'auth0|2', ways: 'email=wang@example.com~', hash: 'md5(salt+password)' },
      ],
    })
  })

  test('Supabase', async () => {
    const files = {
      'auth_users.jsonl': lines(
        {
          id: 's1',
          email: 'li@example.com',
          phone: '8613800138000',
          email_confirmed_at: '2020-01-01 00:00:00+00',
          phone_confirmed_at: null,
          encrypted_password: bcrypt,
          raw_user_meta_data: { full_name: '李四' },
          banned_until: '2100-01-01 00:00:00+00',
        },
        { id: 's2', is_anonymous: true },
      ),
      'auth_identities.jsonl': lines(
        { user_id: 's1', provider: 'github', provider_id: '42' },
        { user_id: 's1', provider: 'email', provider_id: 's1' },
      ),
    }
    expect(await moveIn(shell, 'supabase', files)).toMatchObject({
      ...{ status: 0, told: ['auth_users.jsonl:2 left_out'] },
      rows: [
        {
          id: 's1',
          nickname: '李四',
          status: 'locked',
          ways: 'email=li@example.com github=42 phone=+8613800138000~',
          hash: '10',
        },
      ],
    })
  })

  test('uni-id, without what is none of our business', async () => {
    const file = lines(
      {
        ...{
          _id: 'a'.repeat(24),
          username: 'LiSi',
          mobile: '13800138000',
          mobile_confirmed: 1,
          email: 'li@example.com',
          status: 0,
        },
        ...{
          wx_openid: { mp: 'p1', mp_APP1: 'p1' },
          wx_unionid: 'o1',
          password: '721889bb5d8c29e5e2e91f6ce8a61dc4824d4de4',
          password_secret_version: 1,
        },
        ...{
          register_date: 1_600_000_000_000,
          realname_auth: { real_name: '不该来', identity: '110101' },
          third_party: { key: 'session' },
          token: ['eyJ'],
        },
      },
      { _id: 'b'.repeat(24), mobile: '13800138001', mobile_confirmed: 1, status: 4 },
      { _id: 'c'.repeat(24), mobile: '13800138002', status: 1 },
    )
    const secrets = '{ uni_id_1: passwordSecret-demo }'
    await writeFile(join(shell.cwd, 'menshen.yaml'), `password:\n  former_secrets: ${secrets}\n`)
    const found = await moveIn(shell, 'uni-id', { 'uni-id-users.json': file }, '--apps', 'wx-mp=wx1')
    expect(found).toMatchObject({
      ...{ status: 0, told: ['uni-id-users.json:2 left_out'] },
      rows: [
        {
          id: 'a'.repeat(24),
          ways: 'email=li@example.com~ phone=+8613800138000 username=lisi wechat=unionid:o1 wechat=openid:wx1:p1',
          hash: 'hmac_sha1(secret,password)',
        },
        { id: 'c'.repeat(24), status: 'locked', ways: 'phone=+8613800138002~' },
      ],
    })
    expect(JSON.stringify(await shell.database.database.knex('users').select('*'))).not.toMatch(
      /不该来|110101|session|eyJ/,
    )
  })

  test('Discuz and UCenter', async () => {
    const files = {
      'pre_ucenter_members.csv': csv(
        ['uid', 'username', 'password', 'email', 'regdate', 'salt', 'secmobicc', 'secmobile'],
        ['1', '李四长老', '873d756e61fdda6994f6957d21da6e84', 'li@example.com', '1600000000', 'a1b2c3', '', ''],
        ['2', 'wang', bcrypt, 'wang@example.com', '1600000000', '', '86', '13800138000'],
      ),
      'pre_common_member.csv': csv(['uid', 'emailstatus', 'status'], ['1', '1', '0'], ['2', '0', '-1']),
    }
    expect(await moveIn(shell, 'discuz', files)).toMatchObject({
      ...{ status: 0, told: [] },
      rows: [
        {
          id: '1',
          nickname: '李四长老',
          day: '2020-09-13',
          ways: 'email=li@example.com username=李四长老',
          hash: 'md5(md5(password)+salt)',
        },
        { id: '2', status: 'locked', ways: 'email=wang@example.com~ phone=+8613800138000~ username=wang', hash: '10' },
      ],
    })
  })

  test('WordPress of every age', async () => {
    const files = {
      'wp_users.csv': csv(
        ['ID', 'user_login', 'user_pass', 'user_email', 'user_registered', 'display_name'],
        ['1', 'lisi', '$P$Bsalt1234MOW51EbTJaEHLoNGqXZkm/', 'li@example.com', '2020-01-02 03:04:05', 'Li'],
        ['2', 'wang', `$wp${bcrypt}`, 'wang@example.com', '0000-00-00 00:00:00', 'Wang'],
        ['3', '13900139000', md5, 'old@example.com', '2009-01-02 03:04:05', 'Old'],
      ),
      'wp_usermeta.csv': csv(
        ['umeta_id', 'user_id', 'meta_key', 'meta_value'],
        ['1', '1', 'nickname', '老李'],
        ['2', '1', 'wp_capabilities', 'a:1'],
      ),
    }
    expect(await moveIn(shell, 'wordpress', files)).toMatchObject({
      ...{ status: 0, told: ['wp_users.csv:4 name_changed'] },
      rows: [
        { id: '1', nickname: '老李', day: '2020-01-02', ways: 'email=li@example.com~ username=lisi', hash: 'phpass' },
        { id: '2', ways: 'email=wang@example.com~ username=wang', hash: '2b' },
        { id: '3', ways: 'email=old@example.com~ username=user_13900139000', hash: 'md5(password)' },
      ],
    })
  })
})
