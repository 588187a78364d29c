import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A way to a vendor that speaks TLS, as production asks of every vendor. */
export interface SmsGate {
  readonly url: string
  /** The certificate, for `NODE_EXTRA_CA_CERTS`. */
  readonly certificateFile: string
  close(): void
}

/** Ends TLS in front of a simulator, with a certificate that is made for the purpose. */
export async function openSmsGate(folder: string, vendorUrl: string): Promise<SmsGate> {
  const [key, certificate] = [join(folder, 'vendor.key'), join(folder, 'vendor.pem')]
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '7']
  await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', certificate])
  const server = createServer({ key: await readFile(key), cert: await readFile(certificate) }, (incoming, outgoing) => {
    const { method, url = '/', headers } = incoming
    const passed = request(new URL(url, vendorUrl), { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificateFile: certificate,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
