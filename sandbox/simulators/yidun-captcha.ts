import { createHash } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { type CaptchaSimulator, startCaptcha } from './captcha-simulator.ts'
import { Issued } from './issued.ts'
import type { Answer } from './simulator.ts'
import { formOf } from './web-vendor.ts'

/** Which account and captchas the simulator knows. */
export interface YidunOptions {
  readonly clock: Clock
  readonly captchaIds: readonly string[]
  /** SecretId → SecretKey. */
  readonly secretKeys: Readonly<Record<string, string>>
  readonly port?: number
}

const lifeSeconds = 1200
const algorithms: Readonly<Record<string, string>> = { MD5: 'md5', SHA1: 'sha1', SHA256: 'sha256' }
const needed = ['captchaId', 'validate', 'user', 'secretId', 'version', 'timestamp', 'nonce', 'signature']

/**
 * Plays the second check of NetEase's captcha (api/v2/verify). The numbers of its errors were not found in any
 * document, so those here are made up, and so is how far its clock may be from ours: it is not looked at.
 */
export async function startYidun(options: YidunOptions): Promise<CaptchaSimulator<string>> {
  const { clock, captchaIds, secretKeys, port } = options
  const issued = new Issued<{ readonly of: string }>({ clock, kind: 'validate', ttlSeconds: lifeSeconds })

  const errorOf = (form: ReadonlyMap<string, string>): number => {
    const given = (name: string) => form.get(name) ?? ''
    if (needed.some((name) => !form.has(name)) || given('version') !== 'v2') return 400
    if (!/^\d{13}$/.test(given('timestamp')) || given('nonce') === '') return 400
    const key = Object.hasOwn(secretKeys, given('secretId')) ? secretKeys[given('secretId')] : undefined
    const algorithm = algorithms[form.get('signatureMethod') ?? 'MD5']
    if (key === undefined || algorithm === undefined) return 401
    const signed = [...form].filter(([name]) => name !== 'signature').sort(([a], [b]) => (a < b ? -1 : 1))
    const text = signed.map(([name, value]) => name + value).join('') + key
    if (createHash(algorithm).update(text).digest('hex') !== given('signature')) return 401
    if (!captchaIds.includes(given('captchaId'))) return 402
    const found = given('validate').length > 1024 ? undefined : issued.find(given('validate'))
    if (found?.state !== 'live' || found.about.of !== given('captchaId')) return 419
    issued.use(given('validate'))
    return 0
  }

  return startCaptcha({
    clock,
    port,
    solve: (about) => issued.issue({ of: about?.of ?? captchaIds[0] ?? '' }),
    script: (validate) => scriptText.replace('VALIDATE', JSON.stringify(validate)),
    judge(request, asked, bent): Answer {
      const form = formOf(request)
      if (request.method !== 'POST' || request.path !== '/api/v2/verify' || form === undefined) {
        return { status: 404, body: 'Not Found' }
      }
      const error = asked === undefined ? errorOf(form) : Number(asked)
      return { status: 200, body: bent({ result: error === 0, error, msg: error === 0 ? '' : `refused: ${error}` }) }
    },
  })
}

const scriptText = `
window.initNECaptcha = (options, loaded, failed) => {
  if (!options.captchaId || !document.querySelector(options.element)) return failed(new Error('no element'))
  const instance = { refresh() {}, verify: () => options.onVerify(null, { validate: VALIDATE }) }
  loaded(instance)
  instance.verify()
}
`
