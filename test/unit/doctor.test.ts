import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { checkClock, databaseUnreachable } from '../../src/cli/doctor-database.ts'
import { diskFinding } from '../../src/cli/doctor-places.ts'
import { ownSigner, unreachable } from '../../src/cli/doctor-reach.ts'

test.each([
  [200, 'ok'],
  [-1500, 'warn'],
  [60_000, 'fail'],
])('a clock %i ms apart is %s', (aheadMs, status) => {
  expect(checkClock(aheadMs)).toMatchObject({ name: 'clock', status })
})

test.each([
  [5e9, 'ok'],
  [5e8, 'warn'],
  [5e7, 'fail'],
])('a disk with %i bytes left is %s', (bytes, status) => {
  expect(diskFinding(bytes, '/data')).toMatchObject({ name: 'disk', status })
})

test('a certificate that only its signer makes unknown is told with the variable that names the signer', () => {
  const advice = expect.stringContaining('NODE_EXTRA_CA_CERTS=FILE')
  expect(unreachable('corp', 'fetch failed: SELF_SIGNED_CERT_IN_CHAIN')).toMatchObject({ status: 'fail', advice })
  for (const code of [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  ]) {
    expect(ownSigner(code)).toEqual(advice)
  }
  for (const code of ['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ECONNREFUSED', 'ENOTFOUND']) {
    expect(ownSigner(code)).toBeUndefined()
  }
})

test.each([
  ['08P01', 'ignore_startup_parameters'],
  ['42P05', 'PgBouncer 1.21'],
  ['25006', 'host1:5432,host2:5432'],
  ['ECONNREFUSED', 'the password and the firewall'],
])('a database that answers %s is told with what mends it', (code, words) => {
  const error = new Error('away', { cause: Object.assign(new Error('no'), { code }) })
  const settings = { database: { url: new Secret('postgres://u:canary@h/d'), pool_size: 1 }, data_dir: '/data' }
  expect(databaseUnreachable(settings, error)).toMatchObject({ detail: 'no', advice: expect.stringContaining(words) })
})
