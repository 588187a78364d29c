import { argon2Sync } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import type { HashParameters } from './phc.ts'

/** One derivation, as sent to the worker; the answer is the tag. */
export interface HashJob {
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly parameters: HashParameters
  readonly tagLength: number
}

// The synchronous call is the point of this file. Every asynchronous one, npm `argon2` and `crypto.argon2` alike, runs
// in the libuv pool, which worker threads share with the main thread, where the same few threads sign tokens.
parentPort?.on('message', ({ password, salt, parameters, tagLength }: HashJob) => {
  const tag = argon2Sync('argon2id', {
    message: password,
    nonce: salt,
    memory: parameters.memory_kib,
    passes: parameters.time_cost,
    parallelism: parameters.parallelism,
    tagLength,
  })
  parentPort?.postMessage(tag)
})
