import { generateKeyPairSync } from 'node:crypto'
import { type ConnectionOptions, connectionOptions } from '../interactions/methods/connections.ts'
import type { Clock } from '../src/base/clock.ts'
import { isLoopback } from '../src/config-fitness.ts'
import { upstreamPeople } from './people.ts'
import { startApple } from './simulators/apple.ts'
import { startGithub } from './simulators/github.ts'
import { startOidc } from './simulators/oidc.ts'
import { startQq } from './simulators/qq.ts'
import type { Simulator } from './simulators/simulator.ts'
import { startWechat } from './simulators/wechat.ts'
import { startWeibo } from './simulators/weibo.ts'

export interface Upstreams {
  readonly connections: readonly ConnectionOptions[]
  /** The same before they were parsed, secrets legible: what `MENSHEN_CONNECTIONS` of another process takes. */
  readonly settings: readonly Settings[]
  close(): Promise<void>
}

/** A connection as an operator would write it down. */
type Settings = Readonly<Record<string, unknown>>

interface Where {
  readonly issuer: string
  readonly clock: Clock
  readonly callback: (id: string) => string
}

interface Started {
  readonly simulator: Simulator
  readonly settings: Settings
}

/**
 * Every upstream, simulated on a free port of this machine, and the connections that lead there. What they hand out is known to
 * this process alone, so several processes behind one address must share one set. None for an issuer that other machines reach:
 * their browsers would look for the simulators at home.
 */
export async function startUpstreams({ issuer, clock }: Pick<Where, 'issuer' | 'clock'>): Promise<Upstreams> {
  if (!isLoopback(new URL(issuer).hostname)) return { connections: [], settings: [], async close() {} }
  const where: Where = { issuer, clock, callback: (id) => `${issuer}/callback/${id}` }
  const starts = [wechat, qq, weibo, github, apple, oidc].map((start) => start(where))
  const outcomes = await Promise.allSettled(starts)
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const close = async () => {
    await Promise.all(started.map(({ simulator }) => simulator.close()))
  }
  try {
    await Promise.all(starts)
    const settings = started.map((each) => each.settings)
    return { connections: settings.map((each) => connectionOptions.parse(each)), settings, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** One Open Platform account with two apps, and an app of somebody else whose codes are good for nothing here. */
async function wechat({ issuer, clock }: Where): Promise<Started> {
  const callbackHost = new URL(issuer).hostname
  const openPlatform = 'sandbox'
  const website = { appid: 'wx5a00000000000001', secret: 'sandbox-wechat-website' }
  const officialAccount = { appid: 'wx5a00000000000002', secret: 'sandbox-wechat-official-account' }
  const name = '门神演示'
  const simulator = await startWechat({
    clock,
    people: upstreamPeople,
    apps: [
      { kind: 'website', ...website, name, callbackHost, openPlatform },
      { kind: 'official_account', ...officialAccount, name, callbackHost, openPlatform },
      { kind: 'website', appid: 'wx5a0000000000000f', secret: 'foreign', name: '别家应用', openPlatform: 'foreign' },
    ],
  })
  const { url } = simulator
  const settings = { type: 'wechat', website, official_account: officialAccount, open_url: url, api_url: url }
  return { simulator, settings }
}

async function qq({ clock, callback }: Where): Promise<Started> {
  const [client_id, client_secret] = ['101000001', 'sandbox-qq']
  const simulator = await startQq({
    clock,
    people: upstreamPeople,
    apps: [
      {
        appid: client_id,
        secret: client_secret,
        name: '门神演示',
        redirectUris: [callback('qq')],
        developer: 'sandbox',
        hasUnionid: true,
      },
    ],
  })
  return { simulator, settings: { type: 'qq', client_id, client_secret, graph_url: simulator.url } }
}

async function weibo({ clock, callback }: Where): Promise<Started> {
  const [client_id, client_secret] = ['1000000001', 'sandbox-weibo']
  const simulator = await startWeibo({
    clock,
    people: upstreamPeople,
    apps: [{ appKey: client_id, appSecret: client_secret, name: '门神演示', redirectUris: [callback('weibo')] }],
  })
  return { simulator, settings: { type: 'weibo', client_id, client_secret, api_url: simulator.url } }
}

async function github({ clock, callback }: Where): Promise<Started> {
  const [client_id, client_secret] = ['sandbox-github', 'sandbox-github-secret']
  const simulator = await startGithub({
    clock,
    apps: [{ clientId: client_id, secret: client_secret, redirectUris: [callback('github')] }],
    people: upstreamPeople.map(({ id, name, email }, index) => ({
      id: 1001 + index,
      login: id,
      name,
      publicEmail: null,
      emails: [{ email, primary: true, verified: true, visibility: null }],
    })),
  })
  const { url } = simulator
  return { simulator, settings: { type: 'github', client_id, client_secret, web_url: url, api_url: url } }
}

/** On another site than the issuer, as Apple is: its answer is a form posted across. */
async function apple({ issuer, clock, callback }: Where): Promise<Started> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [client_id, team_id, key_id] = ['sandbox.menshen.web', 'SANDBOX001', 'SANDBOXKEY']
  const simulator = await startApple({
    clock,
    allowLoopback: true,
    hostname: new URL(issuer).hostname === '127.0.0.1' ? 'localhost' : '127.0.0.1',
    teams: [
      {
        teamId: team_id,
        keyId: key_id,
        publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        clients: [{ clientId: client_id, kind: 'web', redirectUris: [callback('apple')] }],
      },
    ],
    people: upstreamPeople.map(({ id, firstName, lastName, email }) => ({
      id,
      firstName,
      lastName,
      email,
      emailVerified: true,
      isPrivateEmail: false,
    })),
  })
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const settings = { type: 'apple', client_id, team_id, key_id, private_key, issuer: simulator.url }
  return { simulator, settings }
}

async function oidc({ clock, callback }: Where): Promise<Started> {
  const [client_id, client_secret] = ['sandbox', 'sandbox-oidc']
  const simulator = await startOidc({
    clock,
    // An ES256 key is made at once; an RSA key would hold up the first login.
    alg: 'ES256',
    clients: [
      {
        clientId: client_id,
        secret: client_secret,
        authMethod: 'client_secret_basic',
        redirectUris: [callback('oidc')],
      },
    ],
    people: upstreamPeople.map(({ id, name, email }) => ({ id, name, email, emailVerified: true })),
  })
  const settings = {
    type: 'oidc',
    name: 'sandbox',
    label: 'OpenID',
    issuer: simulator.issuer,
    client_id,
    client_secret,
  }
  return { simulator, settings }
}
