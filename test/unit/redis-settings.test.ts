import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { type Certificates, newCertificates } from '../support/certificates.ts'

let certificates: Certificates
let cwd: string
beforeAll(async () => {
  certificates = await newCertificates()
  cwd = mkdtempSync(join(tmpdir(), 'menshen-redis-settings-'))
  writeFileSync(join(cwd, 'other.pem'), 'no certificate')
})

const load = (env: Record<string, string>) => loadConfig({ env, cwd: tmpdir() }).config.redis

test('files of certificates are taken from beside the file of settings that names them', () => {
  const { authority, certificate, key } = certificates
  writeFileSync(join(cwd, 'near.pem'), 'no certificate')
  writeFileSync(
    join(cwd, 'menshen.yaml'),
    `redis: { url: "rediss://one", ca_file: ${authority}, certificate_file: ${certificate}, key_file: ${key} }\n`,
  )
  const settings = loadConfig({ argv: { config: 'menshen.yaml' }, env: {}, cwd }).config.redis
  expect(settings).toMatchObject({ ca_file: authority, certificate_file: certificate, key_file: key })
  writeFileSync(join(cwd, 'menshen.yaml'), 'redis: { url: "rediss://one", ca_file: near.pem }\n')
  expect(() => loadConfig({ argv: { config: 'menshen.yaml' }, env: {}, cwd })).toThrow(
    /redis\.ca_file: expected a certificate as PEM/,
  )
})

test('what does not go together, or is no certificate, is refused by its name', () => {
  const { authority, certificate, key } = certificates
  const refused = (env: Record<string, string>) => expect(() => load(env))
  const tls = { REDIS_URL: 'rediss://one' }
  refused({ REDIS_URL: 'redis://one', MENSHEN_REDIS__CA_FILE: authority }).toThrow(/redis\.ca_file: is for TLS/)
  refused({ ...tls, MENSHEN_REDIS__CA_FILE: join(cwd, 'nowhere.pem') }).toThrow(
    /redis\.ca_file: the file cannot be read/,
  )
  refused({ ...tls, MENSHEN_REDIS__CA_FILE: key }).toThrow(/redis\.ca_file: expected a certificate/)
  refused({ ...tls, MENSHEN_REDIS__CERTIFICATE_FILE: certificate }).toThrow(/certificate_file: needs redis\.key_file/)
  refused({ ...tls, MENSHEN_REDIS__KEY_FILE: certificate }).toThrow(/redis\.key_file: (needs|expected a private key)/)
  refused({ ...tls, MENSHEN_REDIS__SENTINEL_PASSWORD: 'canary' }).toThrow(/sentinel_password: is for Sentinels/)
  const sentinels = load({ REDIS_URL: 'redis+sentinel://one/name', MENSHEN_REDIS__SENTINEL_PASSWORD: 'canary' })
  expect(sentinels.sentinel_password?.reveal()).toBe('canary')
})
