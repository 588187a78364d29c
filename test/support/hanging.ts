import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject, test } from 'vitest'
import { openEmbedded } from '../../src/store/embedded.ts'
import { launchChromium } from './chromium.ts'
import { ownRedis } from './redis.ts'
import { startServer } from './server-process.ts'

test('everything that a test may begin is running', async () => {
  const folder = () => mkdtemp(join(tmpdir(), 'menshen-hang-'))
  const server = await startServer({ cwd: await folder() })
  await openEmbedded({ dataDir: await folder(), pid: process.pid })
  await ownRedis()
  await launchChromium(inject('services').chromium)
  process.stderr.write(`hanging in ${process.env['TEST_RUN_FOLDER']} with ${server.pid} ${process.pid}\n`)
  await new Promise(() => {})
})
