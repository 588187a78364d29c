import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownSecretKey } from '../../src/build/core.ts'

test('of many that make the key at once all get the same whole one, and nothing else is left behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-key-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const keys = await Promise.all(Array.from({ length: 50 }, () => ownSecretKey(folder)))
  const found = new Set(keys.map((key) => key.reveal()))
  expect([...found]).toEqual([expect.stringMatching(/^[\w-]{43}$/)])
  expect(await readdir(folder)).toEqual(['secret.key'])
})
