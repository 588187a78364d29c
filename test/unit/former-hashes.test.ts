import { createHash, scryptSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firebaseTag, parseFirebase } from '../../src/accounts/firebase-scrypt.ts'
import { formerDigest } from '../../src/accounts/former-digest.ts'
import { gbkBytes } from '../../src/accounts/gbk-bytes.ts'
import { parseFormula } from '../../src/accounts/password-formula.ts'
import { parsePortable, portableDigest } from '../../src/accounts/phpass.ts'
import { parseStored } from '../../src/accounts/stored-password.ts'
import { auth0Format } from '../../src/moving/formats/auth0-format.ts'
import { type PasswordEntry, readPassword } from '../../src/moving/password-entry.ts'

const password = '测试Pass1'
const secrets: Record<string, string> = { uni_id_1: 'passwordSecret-demo', thinkcmf: 'AUTHCODE' }
const names = new Set(Object.keys(secrets))

/** What is wrapped of an entry, and what the right password would be wrapped as. */
function both(entry: PasswordEntry, typed = password) {
  const read = readPassword(entry, names)
  if (read.kind !== 'weak' || !read.former) throw new Error('that is no weak hash')
  const { recipe, salt, secretName } = read.former
  const made = formerDigest(recipe, { password: typed, salt, secret: secrets[secretName] ?? '' })
  return [read.digest, Buffer.from(made ?? []).toString()]
}

/** The password that an export of Auth0 has. */
function auth0(custom_password_hash: object, secret?: string): PasswordEntry {
  const options = {
    apps: new Map(),
    proved: new Set<string>(),
    formula: undefined,
    secret,
    secretNames: names,
    nowMs: 0,
  }
  const record = { user_id: 'auth0|1', email: 'a@example.com', custom_password_hash }
  const converted = auth0Format.convert([{ table: '', record }], options)
  return ('account' in converted && (converted.account as { password: PasswordEntry }).password) as PasswordEntry
}

describe('a digest of another system', () => {
  test.each<[string, PasswordEntry]>([
    ['MD5', { algorithm: 'md5', hash: 'bca034aa9ecbeedd573fac73e98eaac1' }],
    ['MD5 in capitals', { algorithm: 'md5', hash: 'BCA034AA9ECBEEDD573FAC73E98EAAC1' }],
    ['the middle of MD5', { algorithm: 'md5', hash: '9ecbeedd573fac73' }],
    ['MD5 twice', { algorithm: 'formula', formula: 'md5(md5(password))', hash: '3ca6d4b98c58070a197c9cd30c41bb2b' }],
    ['UCenter', { algorithm: 'discuz', salt: 'a1b2c3', hash: '873d756e61fdda6994f6957d21da6e84' }],
    ['DedeCMS', { algorithm: 'formula', formula: 'substr(md5(password), 5, 25)', hash: '4aa9ecbeedd573fac73e' }],
    [
      'ThinkCMF',
      {
        ...{ algorithm: 'formula', formula: 'md5(md5(secret+password))', secret: 'thinkcmf' },
        hash: '9ca44cd0c077ae101415b5d53de9c7d9',
      },
    ],
    ['uni-id', { algorithm: 'uni_id', secret: 'uni_id_1', hash: '721889bb5d8c29e5e2e91f6ce8a61dc4824d4de4' }],
    [
      'newer uni-id',
      {
        algorithm: 'uni_id',
        hash: '$UNI_ID_HMAC_SHA256$20$0123456789abcdef0123$d2b91fd3ff7734de3944b16f70d09698aad0d6f2bff53a7f9282d371b6df4948',
      },
    ],
    [
      'newer uni-id, written in one piece',
      {
        algorithm: 'uni_id',
        hash: '$UNI_ID_HMAC_SHA256$20$0123456789abcdef0123d2b91fd3ff7734de3944b16f70d09698aad0d6f2bff53a7f9282d371b6df4948',
      },
    ],
    ['WordPress', { algorithm: 'phpass', hash: '$P$Bsalt1234MOW51EbTJaEHLoNGqXZkm/' }],
  ])('of %s is made from the password, and from no other one', (_, entry) => {
    const [stored, made] = both(entry)
    expect(made).toBe(stored)
    expect(both(entry, '测试Pass2')[1]).not.toBe(stored)
  })

  test('of JeecgBoot agrees with that of its first user, and with no other password', () => {
    const entry = { algorithm: 'jeecgboot', salt: 'RCGTeGiH', username: 'admin', hash: 'CB362CFEEFBF3D8D' } as const
    const [stored, made] = both(entry, '123456')
    expect([stored, made]).toEqual(['cb362cfeefbf3d8d', 'cb362cfeefbf3d8d'])
    expect(both(entry, '123457')[1]).not.toBe(stored)
    for (const wrong of [{ salt: 'short' }, { salt: '盐盐盐盐盐盐盐盐' }, { username: '' }, { hash: 'cb362cfeefbf3d' }])
      expect(() => readPassword({ ...entry, ...wrong }, names)).toThrow(/jeecgboot needs|expected 16 hex/)
  })

  test('of Firebase agrees with the published one, whose key is in the settings and nowhere in what is kept', () => {
    const signer = 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=='
    const hash = 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='
    const salt = '42xEC+ixf3L2lw=='
    const own = { algorithm: 'firebase_scrypt', hash, salt, separator: 'Bw==', N: 2 ** 14, r: 8, secret: 'fb' } as const
    const inOne = {
      algorithm: own.algorithm,
      secret: 'fb',
      hash: `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=${signer}$${salt}$${hash}`,
    }
    for (const entry of [own, inOne]) {
      const read = readPassword(entry, new Set(['fb']))
      if (read.kind !== 'ready') throw new Error('it has to be wrapped')
      expect(read.hash).not.toContain(signer.slice(0, 20))
      const parsed = parseFirebase(read.hash)
      if (!parsed) throw new Error('it cannot be read')
      const made = (typed: string) =>
        Buffer.from(firebaseTag({ ...parsed, password: Buffer.from(typed), signer: Buffer.from(signer, 'base64') }))
      expect(made('user1password').toString('base64')).toBe(hash)
      expect(made('user2password').toString('base64')).not.toBe(hash)
    }
    expect(() => readPassword({ ...own, secret: 'other' }, new Set(['fb']))).toThrow('password.former_secrets')
    expect(() => readPassword({ ...own, N: 2 ** 20 }, new Set(['fb']))).toThrow('no server should pay')
  })

  test('of Auth0 is read with HMAC, scrypt and what directories write', () => {
    const hmac = { value: '9egH/awsZes2aPVZyVD0KduAQenRDRAkwr2AFcHueDc=', encoding: 'base64', digest: 'sha256' }
    const key = { value: 'auth0-key', encoding: 'utf8' }
    const [stored, made] = both(auth0({ algorithm: 'hmac', hash: { ...hmac, key } }))
    expect(made).toBe(stored)
    expect(auth0({ algorithm: 'hmac', hash: { ...hmac, key } }, 'uni_id_1')).toMatchObject({
      ...{ formula: 'hmac_sha256(secret,password)', secret: 'uni_id_1' },
    })
    const salt = Buffer.from('salt')
    const ssha = createHash('sha1').update(password).update(salt).digest()
    const ldap = `{SSHA}${Buffer.concat([ssha, salt]).toString('base64')}`
    const [left, right] = both(auth0({ algorithm: 'ldap', hash: { value: ldap } }))
    expect(right).toBe(left)
    const value = scryptSync(password, 'salt', 32).toString('hex')
    const scrypt = auth0({ algorithm: 'scrypt', hash: { value }, salt: { value: 'salt' } })
    expect(readPassword(scrypt, names)).toMatchObject({ kind: 'ready', hash: /^\$scrypt\$ln=14,r=8,p=1\$/ })
    expect(() => readPassword(auth0({ algorithm: 'md4', hash: { value: '00' } }), names)).toThrow('cannot be read')
  })

  test('of phpass agrees with a published one', () => {
    const { setting = '', digest } = parsePortable('$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0') ?? {}
    expect(portableDigest('test12345', setting)).toBe(digest)
  })

  test.each([
    ['htmlspecialchars(\'<a href="x">\')', '&lt;a href=&quot;x&quot;&gt;'],
    ['addslashes(password)', `it\\'s`],
    ["trim('  two words ')", 'two words'],
    ['lower(upper(password))', "it's"],
    ["password+'-'+salt", "it's-pepper"],
  ])('may be of what programs made of a password: %s', (formula, made) => {
    expect(parseFormula(formula)?.({ password: "it's", salt: Buffer.from('pepper'), secret: '' }).toString()).toBe(made)
  })

  test('may be of bytes in GBK', () => {
    expect(gbkBytes('测试a😀')).toEqual(Buffer.from([0xb2, 0xe2, 0xca, 0xd4, 0x61, 0x3f]))
  })
})

describe('a formula', () => {
  test.each([
    'md5',
    'md5()',
    'md5(password',
    'md5(password))',
    'eval(password)',
    'constructor(password)',
    'substr(password,1)',
    'hmac_sha1(password)',
    "'a$b'",
    '',
    `${'md5('.repeat(20)}password${')'.repeat(20)}`,
    `md5(${'password+'.repeat(40)}password)`,
  ])('that says %j is refused', (formula) => {
    expect(parseFormula(formula)).toBeUndefined()
  })

  test('never does more than answer, whatever is written', () => {
    const words = fc.constantFrom(
      'md5',
      '(',
      ')',
      '+',
      ',',
      'password',
      'salt',
      "'x'",
      '3',
      'substr',
      'gbk',
      ' ',
      '$',
      '"',
    )
    fc.assert(
      fc.property(fc.array(words, { maxLength: 20 }), (parts) => {
        const formula = parseFormula(parts.join(''))
        if (formula) expect(formula({ password, salt: Buffer.alloc(0), secret: '' })).toBeInstanceOf(Buffer)
      }),
    )
  })
})

describe('a stored password', () => {
  test.each([
    ['bcrypt of cost 16', '$2b$16$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq'],
    ['scrypt of a gibibyte', '$scrypt$ln=20,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['PBKDF2 of nine million rounds', '$pbkdf2-sha256$i=9000000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['argon2 of two gibibytes', '$argon2i$v=19$m=2097152,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['an older version of argon2', '$argon2i$v=16$m=4096,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['phpass of 2 ** 30 rounds', '$P$Ssalt1234MOW51EbTJaEHLoNGqXZkm/'],
    ['what is no hash', 'plain'],
  ])('is not read when it is %s: no login pays for that', (_, hash) => {
    expect(parseStored(hash)).toBeUndefined()
    expect(parsePortable(hash)).toBeUndefined()
  })
})

describe('what a file says of a password', () => {
  test.each<[string, PasswordEntry]>([
    [
      'a hash of another kind',
      { algorithm: 'bcrypt', hash: '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA' },
    ],
    ['a salt that nobody uses', { algorithm: 'md5', hash: 'bca034aa9ecbeedd573fac73e98eaac1', salt: 'x' }],
    ['no salt', { algorithm: 'discuz', hash: 'bca034aa9ecbeedd573fac73e98eaac1' }],
    ['too few digits', { algorithm: 'md5', hash: 'bca034aa9ecbeedd' + '573fac73' }],
    ['letters that are no digits', { algorithm: 'md5', hash: 'zca034aa9ecbeedd573fac73e98eaac1' }],
    [
      'a secret that the settings lack',
      { algorithm: 'uni_id', secret: 'x', hash: '721889bb5d8c29e5e2e91f6ce8a61dc4824d4de4' },
    ],
    [
      'a wrapper around nothing',
      { algorithm: 'wrapped', hash: '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA' },
    ],
  ])('is refused for %s', (_, entry) => {
    expect(() => readPassword(entry, names)).toThrow()
  })

  test('keeps a decent hash as it is, under the one name of its kind', () => {
    const hash = '$2y$10$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq'
    const read = { kind: 'ready', hash: hash.replace('$2y', '$2b') }
    expect(readPassword({ algorithm: 'bcrypt', hash }, names)).toEqual(read)
    expect(readPassword({ algorithm: 'discuz', hash }, names)).toEqual(read)
  })
})
