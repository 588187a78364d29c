import type { Clock } from '../src/base/clock.ts'
import { type AliyunDypnsSimulator, startAliyunDypns } from './simulators/aliyun-dypns.ts'
import { Carrier } from './simulators/carrier.ts'
import { type CarrierPageSimulator, startCarrierPage } from './simulators/carrier-page.ts'
import { startUniverify, type UniverifySimulator } from './simulators/univerify.ts'

/** The carriers, and the vendors through which an app and its server reach them. */
export interface OneTap {
  /** It issues tokens without a page. */
  readonly carrier: Carrier
  readonly page: CarrierPageSimulator
  readonly univerify: {
    readonly simulator: UniverifySimulator
    readonly functionUrl: string
    readonly secret: string
    readonly mode: 'sample' | 'hardened'
    /** DCloud gave it to the app. */
    readonly appid: string
  }
  readonly aliyun: {
    readonly simulator: AliyunDypnsSimulator
    readonly endpoint: string
    readonly accessKeyId: string
    readonly accessKeySecret: string
  }
  close(): Promise<void>
}

/** The settings that lead a server to these vendors, as an operator would write them. */
export function oneTapSettings({ univerify, aliyun }: Pick<OneTap, 'univerify' | 'aliyun'>) {
  const { functionUrl: function_url, secret, mode: protocol } = univerify
  const { accessKeyId: access_key_id, accessKeySecret: access_key_secret, endpoint } = aliyun
  return [
    { vendor: 'univerify', function_url, secret, protocol },
    { vendor: 'aliyun', access_key_id, access_key_secret, endpoint },
  ]
}

/** Starts them on free ports of this machine; tokens are handed to pages of the issuer alone. */
export async function startOneTap({ issuer, clock }: { issuer: string; clock: Clock }): Promise<OneTap> {
  const [appid, scheme] = ['__UNI__5A00001', 'sandbox']
  const [secret, mode] = ['sandbox-univerify', 'hardened'] as const
  const [accessKeyId, accessKeySecret] = ['sandbox-dypns', 'sandbox-dypns-secret']
  const carrier = new Carrier({ clock, univerifyAppid: appid, aliyunScheme: scheme })
  const page = startCarrierPage({ clock, carrier, appName: '门神演示', returnOrigins: [new URL(issuer).origin] })
  const univerify = startUniverify({ clock, carrier, appid, secret, mode })
  const aliyun = startAliyunDypns({ clock, carrier, accessKeys: { [accessKeyId]: accessKeySecret }, scheme })
  const close = async () => {
    const outcomes = await Promise.allSettled([page, univerify, aliyun])
    await Promise.all(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value.close()))
  }
  try {
    const [function_, dypns] = await Promise.all([univerify, aliyun])
    return {
      carrier,
      page: await page,
      univerify: { simulator: function_, functionUrl: function_.functionUrl, secret, mode, appid },
      aliyun: { simulator: dypns, endpoint: dypns.url, accessKeyId, accessKeySecret },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
