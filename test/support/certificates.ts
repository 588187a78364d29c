import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findTools } from './tools.ts'

const run = promisify(execFile)

/** Files by which nodes and their clients show who they are. */
export interface Certificates {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** An authority of one's own, with a certificate for this machine that both sides of a connection may show. */
export async function newCertificates(): Promise<Certificates> {
  const tools = await findTools()
  const folder = await mkdtemp(join(tmpdir(), 'menshen-certificates-'))
  const at = (name: string) => join(folder, name)
  const openssl = (...args: readonly string[]) => run(tools.openssl, args, { cwd: folder })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '30',
    '-subj',
    '/CN=an authority',
  )
  await openssl('req', ...key, '-keyout', 'key.pem', '-out', 'request.pem', '-subj', '/CN=redis')
  await writeFile(at('names'), `subjectAltName=IP:127.0.0.1,DNS:localhost\n`)
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '30']
  await openssl('x509', '-req', '-in', 'request.pem', ...signed, '-out', 'certificate.pem')
  return { authority: at('ca.pem'), certificate: at('certificate.pem'), key: at('key.pem') }
}
