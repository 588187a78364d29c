import { html } from '../demo/html.ts'
import { type Carrier, type CarrierName, carrierOf } from './carrier.ts'
import { backToApp, chinesePage, refusalPage } from './consent-page.ts'
import { type Answer, type ReceivedRequest, type Simulator, startSimulator } from './simulator.ts'

/** Which carriers and people the simulated SDK knows. */
export interface CarrierPageOptions {
  readonly carrier: Carrier
  readonly clock: () => number
  /** This is what the page calls the app that wants the number. */
  readonly appName: string
  /** Tokens may be handed to these origins only. */
  readonly returnOrigins: readonly string[]
  readonly port?: number
}

/** The simulator, and what a test may make it do. */
export interface CarrierPageSimulator extends Simulator {
  /** The page on the phone with this number, which leads back to `returnTo`. */
  consentUrl(asked: { vendor: CarrierVendor; phone: string; returnTo: string | URL }): string
}

type CarrierVendor = 'univerify' | 'aliyun'

const path = '/consent'

const carriers: Readonly<Record<CarrierName, { readonly name: string; readonly color: string }>> = {
  mobile: { name: '中国移动', color: '#0085d0' },
  unicom: { name: '中国联通', color: '#e60027' },
  telecom: { name: '中国电信', color: '#0066b3' },
}

/**
 * What the SDK of a vendor tells the app instead of a token. Aliyun's codes are not in our sources; words stand for
 * them.
 */
const cancelled = {
  univerify: { other: '30002', close: '30003' },
  aliyun: { other: 'other_way', close: 'closed' },
} as const

const reasons = {
  vendor: { 'zh-CN': 'vendor 参数错误', en: 'The vendor is wrong' },
  phone: { 'zh-CN': '该号码不支持一键登录', en: 'No carrier can tell this number' },
  return_to: { 'zh-CN': 'return_to 参数错误', en: 'The return_to is wrong' },
} as const

interface Asked {
  readonly vendor: CarrierVendor
  /** 11 digits. */
  readonly phone: string
  readonly returnTo: string
}

/**
 * The page a carrier puts over an app before it tells the number, for people in the sandbox: GET /consent with
 * `vendor`, `phone` and `return_to`. Who agrees is sent to `return_to` with what the vendor's SDK gives an app:
 * `access_token` and `openid`, or `token` of Aliyun. Who does not is sent there with a `code`.
 */
export async function startCarrierPage(options: CarrierPageOptions): Promise<CarrierPageSimulator> {
  const { carrier, clock, port } = options
  const simulator = await startSimulator({
    clock,
    port,
    pages: [path],
    handle: (request) => (request.path === path ? answer(request, options) : { status: 404, body: 'Not Found' }),
  })
  return Object.assign(simulator, {
    consentUrl: ({ vendor, phone, returnTo }: { vendor: CarrierVendor; phone: string; returnTo: string | URL }) =>
      `${simulator.url}${path}?${new URLSearchParams({ vendor, phone, return_to: String(returnTo) })}`,
  })

  function answer(request: ReceivedRequest, { appName, returnOrigins }: CarrierPageOptions): Answer {
    const asked = read(request.rawQuery, returnOrigins)
    if (typeof asked === 'string') {
      const look = { names: { 'zh-CN': '运营商一键', en: 'Carrier' }, color: '#555' }
      return refusalPage(request, { look, code: asked, reason: reasons[asked] })
    }
    if (request.method !== 'POST') return page(request, { ...asked, appName, isUnticked: false })
    const form = new URLSearchParams(request.body)
    const decision = form.get('decision')
    if (decision === 'other' || decision === 'close') {
      return backToApp(asked.returnTo, { code: cancelled[asked.vendor][decision] })
    }
    if (form.get('agreement') !== 'on') return page(request, { ...asked, appName, isUnticked: true })
    const { vendor, phone, returnTo } = asked
    if (vendor === 'aliyun') return backToApp(returnTo, { token: carrier.issueAliyunToken(phone) })
    return backToApp(returnTo, { ...carrier.issueUniverify(phone) })
  }
}

function read(rawQuery: string, returnOrigins: readonly string[]): Asked | keyof typeof reasons {
  const query = new URLSearchParams(rawQuery)
  const vendor = query.get('vendor')
  if (vendor !== 'univerify' && vendor !== 'aliyun') return 'vendor'
  const phone = (query.get('phone') ?? '').replace(/^\+86/, '')
  if (carrierOf(phone) === undefined) return 'phone'
  const returnTo = query.get('return_to') ?? ''
  return returnOrigins.includes(URL.parse(returnTo)?.origin ?? '') ? { vendor, phone, returnTo } : 'return_to'
}

/** The agreement is not ticked beforehand, because the law wants the person to tick it. */
function page(
  request: ReceivedRequest,
  asked: Asked & { readonly appName: string; readonly isUnticked: boolean },
): Answer {
  const { phone, appName, isUnticked } = asked
  const { name, color } = carriers[carrierOf(phone) ?? 'mobile']
  const body = html`<h1>登录「${appName}」</h1>
${isUnticked && html`<p role="alert"><strong>请先阅读并勾选下面的条款。</strong></p>`}
<p class="phone">${phone.slice(0, 3)}****${phone.slice(-4)}</p>
<p class="by"><small>${name}提供认证服务</small></p>
<form method="post" action="${request.path}?${request.rawQuery}">
<label class="tick"><input type="checkbox" name="agreement" required> <span>我已阅读并同意《${name}认证服务条款》，并授权「${appName}」获取本机号码</span></label>
<button class="yes wide" name="decision" value="accept">本机号码一键登录</button>
<button class="wide" name="decision" value="other" formnovalidate>其他方式</button>
<button class="wide" name="decision" value="close" formnovalidate>关闭</button>
</form>`
  return chinesePage({ status: isUnticked ? 400 : 200, title: `${name}一键登录（模拟）`, color, body })
}
