import { formerDigest } from './former-digest.ts'
import { type Argon2Job, type Binary, binaries, type HashJob, ready } from './hash-job.ts'

type Derive = (job: Argon2Job) => Promise<Uint8Array>

async function deriverOf(binary: Binary): Promise<Derive> {
  if (binary === 'node') {
    const { argon2Sync } = await import('node:crypto')
    return async ({ type, salt, parameters, tagLength, ...job }) =>
      argon2Sync(type, {
        message: messageOf(job),
        nonce: salt,
        memory: parameters.memory_kib,
        passes: parameters.time_cost,
        parallelism: parameters.parallelism,
        tagLength,
      })
  }
  const { hash, ...types } = await import('argon2')
  return ({ type, salt, parameters, tagLength, ...job }) =>
    hash(Buffer.from(messageOf(job)), {
      raw: true,
      type: types[type],
      salt: Buffer.from(salt),
      memoryCost: parameters.memory_kib,
      timeCost: parameters.time_cost,
      parallelism: parameters.parallelism,
      hashLength: tagLength,
    })
}

/** The password, or the digest that another system has made of it. */
function messageOf({ password, former }: Pick<Argon2Job, 'password' | 'former'>): Uint8Array {
  if (!former) return password
  const { recipe, salt, secret } = former
  const digest = formerDigest(recipe, { password: Buffer.from(password).toString(), salt, secret })
  if (!digest) throw new Error('the recipe of a stored password cannot be read')
  return digest
}

/** What other systems than ours hash with; loaded where such a password is met. */
async function deriveForeign(job: Exclude<HashJob, Argon2Job>): Promise<Uint8Array> {
  if (job.kind === 'bcrypt') {
    const { bcryptTag } = await import('./bcrypt.ts')
    return bcryptTag(job)
  }
  if (job.kind === 'firebase') {
    const { firebaseTag } = await import('./firebase-scrypt.ts')
    return firebaseTag(job)
  }
  const { pbkdf2Sync, scryptSync } = await import('node:crypto')
  const { password, salt, tagLength } = job
  if (job.kind === 'pbkdf2') return pbkdf2Sync(password, salt, job.iterations, tagLength, job.digest)
  const { N, r, p } = job.cost
  return scryptSync(password, salt, tagLength, { N, r, p, maxmem: 128 * r * (N + p + 2) })
}

const probe: Argon2Job = {
  kind: 'argon2',
  type: 'argon2id',
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
  process.on('message', async (job: HashJob) =>
    process.send?.(await (job.kind === 'argon2' ? derive(job) : deriveForeign(job))),
  )
  process.send?.(ready)
}

const asked = binaries.find((each) => each === process.argv[2])
if (!asked) throw new Error(`the binary is one of ${binaries.join(', ')}`)
await serve(asked)
