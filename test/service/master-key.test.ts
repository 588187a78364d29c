import { randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../support/cli.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { openWorld, type Stores, type World, type WorldOptions } from '../support/world.ts'

const clientId = 'sandbox-demo'
const secret = 'backend-secret-of-at-least-32-characters'
const basic = { authorization: `Basic ${Buffer.from(`backend:${secret}`).toString('base64')}` }

async function open(options: WorldOptions): Promise<World> {
  const world = await openWorld(options)
  onTestFinished(() => world.close())
  return world
}

describe.each(['redis', 'tables'] satisfies Stores[])('a new master key, short-lived values in %s', (stores) => {
  test('in the four steps of the operations page nobody is signed out and nothing is lost', async () => {
    const before = await open({ stores })
    await before.register({ clients: [{ client_id: 'backend', secret, grant_types: ['client_credentials'] }] })
    const old = before.env['MENSHEN_SECRET_KEY'] ?? ''
    const fresh = randomBytes(32).toString('base64url')
    const redirectUri = `${before.issuer}/sandbox/callback`
    const request = startLogin(before, clientId, redirectUri, { scope: 'openid offline_access' })
    const visitor = before.visitor()
    const back = await loginBySms(before, visitor, request, '13800138005')
    let refreshToken = (await exchange(before, clientId, redirectUri, back.url.href))['refresh_token'] ?? ''
    const keys = await published(before)

    async function expectAllIsWell(world: World): Promise<void> {
      expect(await published(world)).toBe(keys)
      expect((await visitor.through(world.port).get(request)).location).toContain('code=')
      expect((await visitor.through(world.port).get('/account')).status).toBe(200)
      const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken }
      const refreshed = await token(world, form)
      expect(refreshed.status).toBe(200)
      refreshToken = refreshed.body['refresh_token'] ?? ''
      expect((await token(world, { grant_type: 'client_credentials' }, basic)).status).toBe(200)
    }

    const step = (current: string, previous: string) => ({
      MENSHEN_SECRET_KEY: current,
      MENSHEN_PREVIOUS_SECRET_KEYS: previous === '' ? '[]' : `[${previous}]`,
    })
    const accepting = await open({ stores, beside: before, env: step(old, fresh) })
    const sealing = await open({ stores, beside: before, env: step(fresh, old) })
    await expectAllIsWell(accepting)
    await expectAllIsWell(sealing)
    // What the one seals is read by the other while the change goes round.
    await before.database.database.knex('clients').where({ client_id: 'backend' }).delete()
    await sealing.register({ clients: [{ client_id: 'backend', secret, grant_types: ['client_credentials'] }] })
    await accepting.app.runtime.refresh()
    await expectAllIsWell(accepting)

    await expect(openWorld({ stores, beside: before, env: step(fresh, '') })).rejects.toThrow('master key')
    expect((await runCommand(['keys', 'reseal'], { env: sealing.env, cwd: '/' })).status).toBe(0)
    const alone = await open({ stores, beside: before, env: step(fresh, '') })
    await expectAllIsWell(alone)
    await expectAllIsWell(accepting)
  })
})

async function published({ port }: World): Promise<string> {
  return (await fetch(`http://localhost:${port}/jwks`)).text()
}
