import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, shopSeed, type TestBrowser } from '../support/browser.ts'
import { answerTo, everybodyAsked } from '../support/human-check.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables', env: { MENSHEN_ABUSE: everybodyAsked } })
  browser = await openBrowser(world.issuer)
  await world.register({ clients: [shopSeed(browser.app)] })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

async function atLogin(javaScript: boolean) {
  const person = await browser.person({ width: 375, dark: true, javaScript })
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  return person
}

/** Answers the question that the page asks. */
async function answers(person: Person): Promise<void> {
  const text = (await person.page.locator('label[for=f-question_answer]').textContent()) ?? ''
  await person.enters(text, String(answerTo(text)))
  await person.presses('继续')
}

test('with script the page solves what it is asked by itself, under the policy of every page', async () => {
  const person = await atLogin(true)
  const bodies: string[] = []
  person.page.on('request', (request) => void bodies.push(request.postData() ?? ''))
  await person.enters('手机号', '13500137000')
  await person.agrees()
  await person.presses('获取验证码')
  await person.sees('输入验证码')
  expect(bodies.filter((body) => /altcha=[\w%]{100}/.test(body))).toHaveLength(1)
  await person.entersCode(await world.otp('+8613500137000'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('without script it asks a question, which is in sight at once and can be wrong', async () => {
  const person = await atLogin(false)
  await person.enters('手机号', '13500137001')
  await person.agrees()
  await person.presses('获取验证码')
  await person.sees('请稍候')
  const question = person.page.locator('label[for=f-question_answer]')
  await person.enters((await question.textContent()) ?? '', '99')
  await person.presses('继续')
  await person.reads('回答不正确')
  await answers(person)
  await person.sees('输入验证码')
  await person.entersCode(await world.otp('+8613500137001'))
  // Before the account is made, once more; a language that is chosen there is no way out of it.
  await person.sees('请稍候')
  await person.follows('English')
  await person.sees('One moment')
  await person.follows('简体中文')
  await answers(person)
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('where its script cannot solve it the page asks as well, and is sound for eyes and for screen readers', async () => {
  const person = await atLogin(true)
  await person.page.route('**/altcha.js*', (route) => route.abort())
  await person.enters('手机号', '13500137002')
  await person.agrees()
  await person.presses('获取验证码')
  await person.sees('请稍候')
  await person.page.locator('#f-question_answer').waitFor()
  expect(await person.faults('everything')).toEqual([])
  await person.enters((await person.page.locator('label[for=f-question_answer]').textContent()) ?? '', '99')
  await person.presses('继续')
  await person.reads('回答不正确')
  expect(await person.faults('everything')).toEqual([])
  await answers(person)
  await person.sees('输入验证码')
})
