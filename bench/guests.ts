import { type OneTap, oneTapSettings, startOneTap } from '../sandbox/one-tap.ts'
import { type AliyunSmsSimulator, startAliyunSms } from '../sandbox/simulators/aliyun-sms.ts'
import { type GithubSimulator, startGithub } from '../sandbox/simulators/github.ts'
import { Browsing, codeIn, expect, pathIn } from './browsing.ts'
import { answer } from './child.ts'
import { Connection, header, post } from './connection.ts'
import {
  clientSecret,
  codeChallenge,
  codeVerifier,
  type Guest,
  issuer,
  nativeClientId,
  redirectUri,
} from './fixture.ts'
import { authorizations } from './scenarios.ts'
import { plenty } from './settings.ts'

/** How a guest logs in: with a code from a message, through an upstream, or by the carrier's word from an app. All vendors answer at once. */
export const waysIn = ['sms', 'github', 'one_tap'] as const
export type WayIn = (typeof waysIn)[number]

export type GuestCalls = {
  /** Starts the vendors, who know this many guests; answers the settings of a server that uses them. */
  open(input: { readonly guests: number }): Promise<{ env: Record<string, string>; guests: Guest[] }>
  /** One login of each guest, on this many connections. */
  login(input: { way: WayIn; port: number; guests: readonly Guest[]; connections: number }): Promise<void>
}

const vendorSecret = 'a-secret-of-the-vendor'
const signName = '茶铺'
const template = 'SMS_1'

let github: GithubSimulator
let aliyun: AliyunSmsSimulator
let oneTap: OneTap

async function open({ guests: count }: { readonly guests: number }) {
  const clock = () => Date.now()
  const guests = Array.from({ length: count }, (_, index) => ({
    phone: `+86138${String(index).padStart(8, '0')}`,
    githubId: 1000 + index,
  }))
  github = await startGithub({
    clock,
    apps: [{ clientId: 'bench', secret: vendorSecret, redirectUris: [`${issuer}/callback/github`] }],
    people: guests.map(({ githubId: id }) => ({ id, login: `guest-${id}`, name: null, publicEmail: null, emails: [] })),
  })
  aliyun = await startAliyunSms({
    clock,
    accessKeys: { bench: vendorSecret },
    signNames: [signName],
    templates: { [template]: { variables: ['code'] } },
  })
  oneTap = await startOneTap({ issuer, clock })
  const sender = {
    type: 'aliyun',
    access_key_id: 'bench',
    access_key_secret: vendorSecret,
    sign_name: signName,
    templates: { login_code: template, register_code: template, reset_code: template, bind_code: template },
    endpoint: aliyun.url,
  }
  const urls = { web_url: github.url, api_url: github.url }
  const connection = { type: 'github', client_id: 'bench', client_secret: vendorSecret, ...urls }
  return {
    guests,
    env: {
      // The vendors of this machine speak plain HTTP, which production refuses.
      NODE_ENV: 'development',
      MENSHEN_SANDBOX_EXPOSED: 'true',
      MENSHEN_LOGIN__METHODS: '[sms, password]',
      MENSHEN_SMS__SENDERS: JSON.stringify([sender]),
      MENSHEN_SMS__LIMITS: JSON.stringify({ per_number: [plenty], per_ip: [plenty], per_day_total: plenty.max }),
      MENSHEN_CONNECTIONS: JSON.stringify([connection]),
      MENSHEN_ONE_TAP: JSON.stringify(oneTapSettings(oneTap)),
      // Each guest comes from a network of its own, as they would.
      MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1]',
    },
  }
}

const proofs: Readonly<
  Record<Exclude<WayIn, 'one_tap'>, (browser: Browsing, page: string, guest: Guest) => Promise<string>>
> = {
  async sms(browser, page, { phone }) {
    const before = aliyun.sent.length
    await browser.post(page, `method=sms&phone=${encodeURIComponent(phone)}&agreement=on`, 303, 'asking for a code')
    await browser.get(page, 200, 'the page for the code')
    const message = aliyun.sent.slice(before).find(({ to }) => to.endsWith(phone.slice(3)))
    const otp = Object.values(message?.params ?? {})[0]
    return pathIn(await browser.post(page, `method=sms&otp=${otp}`, 303, 'the code'))
  },
  async github(browser, page, { githubId }) {
    const left = await browser.post(page, 'method=github&agreement=on', 303, 'leaving for GitHub')
    const back = new URL(github.authorize(githubId, header(left, 'location') ?? ''))
    return pathIn(await browser.get(`${back.pathname}${back.search}`, 303, 'the callback'))
  },
}

/** The header in which the proxy names the guest's address, each in another /24. */
function cameFrom({ githubId }: Guest): string {
  return `X-Forwarded-For: 10.${githubId >> 8}.${githubId & 255}.1\r\n`
}

/** One request, and the exchange. */
async function loginByOneTap(connection: Connection, guest: Guest): Promise<void> {
  const { openid, access_token } = oneTap.carrier.issueUniverify(guest.phone)
  const challenge = new URLSearchParams({
    client_id: nativeClientId,
    method: 'one_tap',
    vendor: 'univerify',
    openid,
    carrier_token: access_token,
    scope: 'openid profile email offline_access',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    agreements: 'terms@sample privacy@sample',
  })
  const done = await connection.send(post('/authorize-challenge', challenge.toString(), cameFrom(guest)))
  expect(done, 200, 'the challenge')
  const { authorization_code: code } = JSON.parse(done.body) as { authorization_code: string }
  const form = `grant_type=authorization_code&client_id=${nativeClientId}&code=${code}&code_verifier=${codeVerifier}`
  expect(await connection.send(post('/token', form)), 200, 'token')
}

async function login(way: WayIn, connection: Connection, guest: Guest): Promise<void> {
  if (way === 'one_tap') return loginByOneTap(connection, guest)

  const browser = new Browsing(connection, cameFrom(guest))
  const page = pathIn(await browser.get(authorizations['offline'] ?? '', 303, 'authorize'))
  await browser.get(page, 200, 'the login page')
  const resume = await proofs[way](browser, page, guest)
  let back = await browser.get(resume, 303, 'the return to the request')
  // An upstream's callback cannot see every cookie, so it goes through the interaction to the request.
  if (!header(back, 'location')?.startsWith(redirectUri)) back = await browser.get(pathIn(back), 303, 'the request')
  const code = codeIn(back)
  const form = `grant_type=authorization_code&code=${code}&redirect_uri=${encodeURIComponent(redirectUri)}&code_verifier=${codeVerifier}`
  const credentials = `Authorization: Basic ${Buffer.from(`offline:${clientSecret}`).toString('base64')}\r\n`
  expect(await connection.send(post('/token', form, credentials)), 200, 'token')
}

const calls: GuestCalls = {
  open,
  async login({ way, port, guests, connections }) {
    const waiting = [...guests]
    await Promise.all(
      Array.from({ length: connections }, async () => {
        const connection = await Connection.open(port)
        for (let guest = waiting.pop(); guest; guest = waiting.pop()) await login(way, connection, guest)
        connection.close()
      }),
    )
  },
}

answer(calls, async () => {
  await Promise.all([github?.close(), aliyun?.close(), oneTap?.close()])
})
