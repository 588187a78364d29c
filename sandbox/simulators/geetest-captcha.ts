import { createHmac } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { type CaptchaSimulator, startCaptcha } from './captcha-simulator.ts'
import { derived, Issued } from './issued.ts'
import type { Answer } from './simulator.ts'
import { formOf, singleFields } from './web-vendor.ts'

/** Which captchas the simulator knows. */
export interface GeetestOptions {
  readonly clock: Clock
  /** captcha_id → captcha_key. */
  readonly captchas: Readonly<Record<string, string>>
  readonly port?: number
}

/** What `getValidate()` of the widget gives. */
export interface GeetestSolution {
  readonly lot_number: string
  readonly captcha_output: string
  readonly pass_token: string
  readonly gen_time: string
}

interface Lot extends Pick<GeetestSolution, 'captcha_output' | 'pass_token' | 'gen_time'> {
  readonly of: string
  readonly hostname: string
}

const lifeSeconds = 600

/**
 * Plays the validation of GeeTest v4, POST only. Which code a wrong `sign_token` gets is not documented by the vendor
 * (-50304 here), nor that of a solution of another captcha (-50304 too).
 */
export async function startGeetest({
  clock,
  captchas,
  port,
}: GeetestOptions): Promise<CaptchaSimulator<GeetestSolution>> {
  const lots = new Issued<Lot>({ clock, kind: 'lot', ttlSeconds: lifeSeconds })

  const judged = (form: ReadonlyMap<string, string>, captchaId: string): string | Lot => {
    const key = Object.hasOwn(captchas, captchaId) ? captchas[captchaId] : undefined
    if (captchaId === '') return '-50101'
    if (key === undefined) return '-50103'
    const lotNumber = form.get('lot_number') ?? ''
    if (lotNumber === '') return '-50302'
    if (!/^[0-9a-f]{32}$/.test(lotNumber)) return '-50303'
    const found = lots.find(lotNumber)
    if (found === undefined) return '-50301'
    if (form.get('sign_token') !== createHmac('sha256', key).update(lotNumber).digest('hex')) return '-50304'
    if (found.about.of !== captchaId) return '-50304'
    if (form.get('gen_time') !== found.about.gen_time) return '-50005'
    if (form.get('captcha_output') !== found.about.captcha_output) return '-50002'
    if (form.get('pass_token') !== found.about.pass_token) return 'pass_token error'
    if (found.state === 'used') return '-50003'
    if (found.state === 'expired') return 'pass_token expire'
    lots.use(lotNumber)
    return found.about
  }

  return startCaptcha({
    clock,
    port,
    solve(about) {
      const gen_time = String(Math.floor(clock() / 1000))
      const of = about?.of ?? Object.keys(captchas)[0] ?? ''
      const rest = {
        gen_time,
        captcha_output: `output_${derived(40, of, gen_time)}=`,
        pass_token: derived(64, gen_time),
      }
      return { ...rest, lot_number: lots.issue({ ...rest, of, hostname: about?.hostname ?? 'localhost' }) }
    },
    script: (solution) => scriptText.replace('SOLUTION', JSON.stringify(solution)),
    judge(request, asked, bent) {
      const captchaId = singleFields(request.rawQuery)?.get('captcha_id') ?? ''
      const form = formOf(request)
      if (request.method !== 'POST' || request.path !== '/validate' || form === undefined) {
        return { status: 404, body: 'Not Found' }
      }
      const outcome = form.get('captcha_id') === captchaId ? (asked ?? judged(form, captchaId)) : '-50102'
      if (typeof outcome === 'string') return refusal(outcome)
      const captcha_args = {
        used_type: 'slide',
        user_ip: '127.0.0.1',
        lot_number: form.get('lot_number'),
        scene: 'login',
        referer: `http://${outcome.hostname}/`,
      }
      return { status: 200, body: bent({ status: 'success', result: 'success', reason: '', captcha_args }) }
    },
  })
}

/** An error has a code; somebody who has not solved it has a reason. */
function refusal(word: string): Answer {
  if (!word.startsWith('-')) return { status: 200, body: { status: 'success', result: 'fail', reason: word } }
  return { status: 200, body: { status: 'error', code: word, msg: 'refused', desc: { type: 'defined error' } } }
}

const scriptText = `
window.initGeetest4 = (config, ready) => {
  if (!config.captchaId) throw new Error('no captchaId')
  let solved = () => {}
  const captcha = {
    onReady: (call) => { setTimeout(call); return captcha },
    onSuccess: (call) => { solved = call; return captcha },
    onError: () => captcha,
    onClose: () => captcha,
    showCaptcha: () => setTimeout(solved),
    getValidate: () => ({ captcha_id: config.captchaId, ...SOLUTION }),
  }
  ready(captcha)
}
`
