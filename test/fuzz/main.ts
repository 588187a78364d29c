import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const usage = 'usage: npm run fuzz -- --requests 100000 [--seed N] [--stores redis|tables]'

/** Runs the fuzz test for as long as somebody likes. It prints the seed and the statuses by route, and ends with 1 at any failure of ours. */
function main(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const { values } = parseArgs({
    options: { requests: { type: 'string' }, seed: { type: 'string' }, stores: { type: 'string' } },
  })
  const { requests = '10000', seed, stores } = values
  const isNumber = (text: string) => /^\d{1,9}$/.test(text)
  if (!isNumber(requests) || (seed !== undefined && !isNumber(seed)) || !/^(redis|tables)?$/.test(stores ?? '')) {
    process.stderr.write(`${usage}\n`)
    process.exitCode = 2
    return
  }
  const env = {
    ...process.env,
    FUZZ_REQUESTS: requests,
    ...(seed === undefined ? {} : { FUZZ_SEED: seed }),
    ...(stores === undefined ? {} : { FUZZ_STORES: stores }),
  }
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'service', 'test/service/fuzz.test.ts']
  const child = spawn(process.execPath, vitest, { cwd: root, env, stdio: 'inherit' })
  child.on('close', (status) => {
    process.exitCode = status === 0 ? 0 : 1
  })
}

main()
