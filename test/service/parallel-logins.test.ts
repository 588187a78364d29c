import { afterAll, beforeAll, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.register({ clients, resources })
})
afterAll(() => world.close())

test('logins that end at once in tabs of one browser all come back with a code', async () => {
  for (let round = 0; round < 8; round++) {
    const visitor = world.visitor()
    const phone = `1370000${String(round).padStart(4, '0')}`
    await loginBySms(world, visitor, startLogin(world, 'native', 'com.example.app:/callback'), phone)
    const ready: string[] = []
    for (const client of ['web', 'plain']) {
      const page = await reachLogin(visitor, startLogin(world, client, redirectUri, { prompt: 'login' }))
      await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
      const otp = await world.otp(`+86${phone}`)
      const back = await visitor.post(page.url, { method: 'sms', otp })
      ready.push(back.location ?? '')
    }
    const answers = await Promise.all(ready.map((resume) => visitor.get(resume)))
    expect(answers.map(({ status }) => status)).toEqual([303, 303])
    for (const { location } of answers) expect(location).toMatch(/[?&]code=/)
  }
})
