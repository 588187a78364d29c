import { type Binary, binaries, type HashJob, ready } from './hash-job.ts'

type Derive = (job: HashJob) => Promise<Uint8Array>

async function deriverOf(binary: Binary): Promise<Derive> {
  if (binary === 'node') {
    const { argon2Sync } = await import('node:crypto')
    return async ({ password, salt, parameters, tagLength }) =>
      argon2Sync('argon2id', {
        message: password,
        nonce: salt,
        memory: parameters.memory_kib,
        passes: parameters.time_cost,
        parallelism: parameters.parallelism,
        tagLength,
      })
  }
  const { hash, argon2id } = await import('argon2')
  return ({ password, salt, parameters, tagLength }) =>
    hash(Buffer.from(password), {
      raw: true,
      type: argon2id,
      salt: Buffer.from(salt),
      memoryCost: parameters.memory_kib,
      timeCost: parameters.time_cost,
      parallelism: parameters.parallelism,
      hashLength: tagLength,
    })
}

const probe: HashJob = {
  password: new TextEncoder().encode('password'),
  salt: new TextEncoder().encode('somesalt'),
  parameters: { memory_kib: 256, time_cost: 2, parallelism: 1 },
  tagLength: 32,
}
/** From the tests of the reference implementation: https://github.com/P-H-C/phc-winner-argon2/blob/master/src/test.c */
const probeTag = Buffer.from('9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe', 'hex')

/**
 * The life of a child: shows that its binary works on this processor, then derives what it is sent, one job at a time,
 * until the process above is gone. A binary that was compiled for another processor ends the child, and nobody else.
 */
async function serve(binary: Binary): Promise<void> {
  // Ctrl-C reaches the whole group, but a login in flight is finished: the process above says when it is over.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  const derive = await deriverOf(binary)
  if (!probeTag.equals(await derive(probe))) throw new Error(`argon2 (${binary}) derives something else`)
  process.on('message', async (job: HashJob) => process.send?.(await derive(job)))
  process.send?.(ready)
}

const asked = binaries.find((each) => each === process.argv[2])
if (!asked) throw new Error(`the binary is one of ${binaries.join(', ')}`)
await serve(asked)
