import { createHash, randomBytes } from 'node:crypto'
import { upstreamPeople } from '../people.ts'
import type { NativeUpstreams } from '../upstreams.ts'

/** What an app sends to the challenge endpoint for one way to log in. */
export type Credential = Readonly<Record<string, string>>

const wechat = 'wechat_mini_program'

/** What the vendors' SDKs on a phone would give an app; the simulators issue it. */
export const sdkKinds = {
  univerify({ oneTap }, { phone }) {
    const { access_token: carrier_token, openid } = oneTap.carrier.issueUniverify(phone)
    return { method: 'one_tap', vendor: 'univerify', carrier_token, openid }
  },
  aliyun: ({ oneTap }, { phone }) => ({
    ...{ method: 'one_tap', vendor: 'aliyun' },
    carrier_token: oneTap.carrier.issueAliyunToken(phone),
  }),
  aliyun_check: ({ oneTap }, { phone }) => ({
    ...{ method: 'one_tap', vendor: 'aliyun', phone },
    carrier_token: oneTap.carrier.issueAliyunAccessCode(phone),
  }),
  wechat_app({ wechat }, { id }) {
    const { code = '' } = wechat.simulator.sendAuth(id, wechat.mobileApp.appid, { state: 'sandbox' })
    return { method: 'wechat_app', upstream_code: code }
  },
  wechat_mini_program: (vendors, { id }) => ({
    ...{ method: wechat, upstream_code: vendors.wechat.simulator.loginMiniProgram(id) },
  }),
  wechat_mini_program_phone: (vendors, { id }) => ({
    ...{ method: wechat, upstream_code: vendors.wechat.simulator.loginMiniProgram(id) },
    phone_code: vendors.wechat.simulator.phoneCode(id),
  }),
  qq_app({ qq }, { id }) {
    const { access_token, openid } = qq.simulator.issueTokens(id, qq.mobileAppid)
    return { method: 'qq_app', upstream_token: access_token, upstream_subject: openid }
  },
  weibo_app({ weibo }, { id }) {
    const { access_token, uid } = weibo.simulator.issueTokens(id, weibo.appKey)
    return { method: 'weibo_app', upstream_token: access_token, upstream_subject: String(uid) }
  },
  apple({ apple }, { id }) {
    const raw_nonce = randomBytes(16).toString('base64url')
    const nonce = createHash('sha256').update(raw_nonce).digest('hex')
    const asked = { clientId: apple.bundleId, nonce, scopes: ['name', 'email'] }
    const { identityToken: identity_token, code } = apple.simulator.authorizeNative(id, asked)
    return { method: 'apple', identity_token, upstream_code: code, raw_nonce }
  },
  /** As uni-app gives it, which has no parameter for a nonce. */
  apple_without_nonce({ apple }, { id }) {
    const { identityToken: identity_token, code } = apple.simulator.authorizeNative(id, { clientId: apple.bundleId })
    return { method: 'apple', identity_token, upstream_code: code }
  },
} as const satisfies Record<
  string,
  (vendors: NativeUpstreams, person: { readonly id: string; readonly phone: string }) => Credential
>

/** A vendor whose SDK the demo app imitates. */
export type SdkKind = keyof typeof sdkKinds

/** What the SDK gives if this person has agreed on the phone. Undefined if the kind or the person does not exist. */
export function sdkCredential(vendors: NativeUpstreams, kind: string, personId: string): Credential | undefined {
  const person = upstreamPeople.find(({ id }) => id === personId)
  return person && Object.hasOwn(sdkKinds, kind) ? sdkKinds[kind as SdkKind](vendors, person) : undefined
}
