import { expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { ensureKeys } from '../../src/oidc/keys.ts'
import { sealer } from '../../src/store/seal.ts'
import { openShell, secretKey } from '../support/cli.ts'

test('keys list shows each key and its state, never the key', async () => {
  const shell = await openShell()
  const { close, database } = shell
  onTestFinished(close)
  expect(await shell.run('keys', 'list')).toEqual({
    status: 0,
    stdout: 'ID  FOR  ALGORITHM  STATE  CREATED\n',
    stderr: 'the first start of the server makes the keys\n',
  })

  const at = Date.UTC(2026, 10, 20, 10)
  const keys = [new Secret(secretKey)] as const
  await ensureKeys({ database: database.database, sealer: sealer({ keys }), clock: () => at })
  const plain = await shell.run('keys', 'list')
  expect(plain.stdout).toMatch(/^\S+ +tokens +ES256 +current +2026-11-20T10:00:00\.000Z$/m)
  expect(plain.stdout).toMatch(/^cookie-\S+ +cookies +HS256 +current /m)
  const machine = JSON.parse((await shell.run('keys', 'list', '--json')).stdout) as object[]
  expect(machine.map((key) => Object.keys(key))).toEqual(
    Array.from({ length: 3 }, () => ['id', 'use', 'alg', 'state', 'created_at']),
  )
})
