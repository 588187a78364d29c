import { main } from '../src/cli/commands.ts'
import type { ImportUsage } from './moving.ts'

const silent = { write: () => true }
const [file = ''] = process.argv.slice(2)
const startedMs = performance.now()
const argv = ['users', 'import', file]
const status = await main({ argv, stdout: silent, stderr: silent, cwd: process.cwd() })
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
const usage: ImportUsage = {
  status,
  seconds: (performance.now() - startedMs) / 1000,
  cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
  residentMiB: maxRSS / 1024,
}
process.stdout.write(JSON.stringify(usage))
