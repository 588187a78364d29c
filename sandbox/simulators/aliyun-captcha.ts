import type { Clock } from '../../src/base/clock.ts'
import { AliyunGateway } from './aliyun-gateway.ts'
import { type CaptchaSimulator, startCaptcha } from './captcha-simulator.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import { Issued } from './issued.ts'
import type { Answer } from './simulator.ts'
import { formOf } from './web-vendor.ts'

/** Which account and scenes the simulator knows. */
export interface AliyunCaptchaOptions {
  readonly clock: Clock
  /** AccessKeyId → secret. */
  readonly accessKeys: Readonly<Record<string, string>>
  /** What is known of a temporary key. */
  readonly temporaryKey?: (id: string) => IssuedKey | undefined
  /** SceneId → how the console has set it. */
  readonly scenes: Readonly<Record<string, 'live' | 'test_pass' | 'test_fail'>>
  readonly port?: number
}

const action = 'VerifyIntelligentCaptcha'
const lifeSeconds = 1200
/** Refusals of the whole call, and their status. */
const statuses: ReadonlyMap<string, number> = new Map([
  ['MissingParameter', 400],
  ['InvalidParameter', 401],
  ['Forbidden.AccountAccessDenied', 403],
])

/**
 * Plays Aliyun's captcha 2.0: VerifyIntelligentCaptcha, version 2023-03-05. The solution is opaque to everybody but the
 * vendor; what is in it here is made up. A hit by the rules comes with status 200 and `Success: true`.
 */
export async function startAliyunCaptcha(options: AliyunCaptchaOptions): Promise<CaptchaSimulator<string>> {
  const { clock, accessKeys, temporaryKey, scenes, port } = options
  const gateway = new AliyunGateway({ clock, accessKeys, temporaryKey, actions: { [action]: '2023-03-05' } })
  const issued = new Issued<{ readonly scene: string }>({ clock, kind: action, ttlSeconds: lifeSeconds })

  const verifyCode = (param: string, scene: string): string => {
    if (param === '') return 'F002'
    const certify = certifyIdIn(param)
    if (certify === undefined) return 'F003'
    const found = issued.find(certify.id)
    if (found === undefined || found.state === 'expired') return 'F014'
    if (found.about.scene !== certify.scene) return 'F003'
    if (found.about.scene !== scene) return 'F012'
    if (found.state === 'used') return 'F008'
    issued.use(certify.id)
    const mode = Object.hasOwn(scenes, scene) ? scenes[scene] : undefined
    // A scene that the account does not have was seen to look like a risk.
    if (mode === undefined) return 'F001'
    return mode === 'test_pass' ? 'T005' : mode === 'test_fail' ? 'F004' : 'T001'
  }

  const failure = (Code: string): Answer => {
    const refused = gateway.answer({ Code, Message: `The request was refused: ${Code}`, Success: false })
    return { ...refused, status: statuses.get(Code) ?? 200 }
  }

  return startCaptcha({
    clock,
    port,
    solve(about) {
      const scene = about?.of ?? Object.keys(scenes)[0] ?? ''
      return paramOf(issued.issue({ scene }), scene)
    },
    script: (param) => scriptText.replace('PARAM', JSON.stringify(param)),
    judge(request, asked, bent) {
      const stopped = gateway.check(request)
      if (stopped !== undefined) return stopped
      const form = formOf(request)
      const [param, scene] = [form?.get('CaptchaVerifyParam'), form?.get('SceneId')]
      if (param === undefined || scene === undefined || scene === '') return failure('MissingParameter')
      if (asked !== undefined && !/^[FT]\d{3}$/.test(asked)) return failure(asked)
      const VerifyCode = asked ?? verifyCode(param, scene)
      const Result = { VerifyResult: VerifyCode.startsWith('T'), VerifyCode }
      return gateway.answer(bent({ Success: true, Code: 'Success', Message: 'success', Result }))
    },
  })
}

function paramOf(certifyId: string, sceneId: string): string {
  return Buffer.from(JSON.stringify({ certifyId, sceneId, isSign: true })).toString('base64')
}

function certifyIdIn(param: string): { readonly id: string; readonly scene: string } | undefined {
  try {
    const { certifyId, sceneId } = JSON.parse(Buffer.from(param, 'base64').toString())
    const isWhole = typeof certifyId === 'string' && typeof sceneId === 'string'
    return isWhole && paramOf(certifyId, sceneId) === param ? { id: certifyId, scene: sceneId } : undefined
  } catch {
    return undefined
  }
}

const scriptText = `
window.initAliyunCaptcha = (options) => {
  const config = window.AliyunCaptchaConfig || {}
  if (!config.region || !config.prefix || !options.SceneId) throw new Error('AliyunCaptchaConfig is not set')
  if (!document.querySelector(options.element) || !document.querySelector(options.button)) throw new Error('no element')
  document.querySelector(options.button).addEventListener('click', () => options.success(PARAM))
}
`
