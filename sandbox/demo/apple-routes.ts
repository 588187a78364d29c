import type Router from '@koa/router'
import type { Context } from 'koa'
import { refuseCrossSite } from '../../interactions/browser/guard.ts'
import type { Renderer } from '../../interactions/browser/render.ts'
import { readForm } from '../../interactions/form.ts'
import { AppError } from '../../src/base/errors.ts'
import { notificationPath } from '../../src/base/paths.ts'
import { answerPage, shell, type Visit } from '../pages.ts'
import { upstreamPeople } from '../people.ts'
import { appleEvents } from '../simulators/apple-notices.ts'
import type { NativeUpstreams } from '../upstreams.ts'
import { type Html, html } from './html.ts'

interface Dependencies {
  readonly issuer: string
  readonly renderer: Pick<Renderer, 'switchLanguage'>
  readonly visit: (ctx: Context, path: string) => Visit
  readonly vendors: NativeUpstreams | undefined
}

/** Where the page is that has Apple tell something. */
export const applePath = '/sandbox/apple'

/** The page on which somebody plays what a person does in the settings of their Apple account. It needs no script. */
export function appleRoutes(router: Router, { issuer, renderer, visit, vendors }: Dependencies): void {
  router.get('sandbox_apple', applePath, (ctx) => {
    if (renderer.switchLanguage(ctx)) return
    const { answered } = ctx.query
    answerPage(
      ctx,
      noticePage(visit(ctx, applePath), { hasApple: vendors !== undefined, answered: statusOf(answered) }),
    )
  })
  router.post('sandbox_apple_tell', applePath, async (ctx) => {
    refuseCrossSite(ctx, issuer)
    const { person = '', type = '' } = (await readForm(ctx)).fields
    const isKnown = upstreamPeople.some(({ id }) => id === person) && appleEvents.some((each) => each === type)
    if (!vendors || !isKnown) throw new AppError('request.invalid')
    const { simulator, bundleId, teamId } = vendors.apple
    if (type === 'consent-revoked') simulator.forget(person, teamId)
    const body = simulator.notice(person, { clientId: bundleId, type })
    const status = await simulator.notify(`${issuer}${notificationPath('apple')}`, body)
    ctx.redirect(`${applePath}?answered=${status}`)
    ctx.status = 303
  })
}

function statusOf(answered: unknown): string | undefined {
  return typeof answered === 'string' && /^\d{3}$/.test(answered) ? answered : undefined
}

interface View {
  readonly hasApple: boolean
  readonly answered: string | undefined
}

function noticePage(visit: Visit, { hasApple, answered }: View): Html {
  const { say } = visit
  const body = html`<main class="card">
<h1>${say('apple.title')}</h1>
<p class="lead">${say('apple.lead')}</p>
${!hasApple && html`<p class="warning">${say('apple.lacks')}</p>`}
${answered !== undefined && html`<p class="panel" role="status">${say('apple.answered', { status: answered })}</p>`}
<form method="post" action="${applePath}">
<div class="field">
<label for="f-person">${say('apple.person')}</label>
<select id="f-person" name="person">${upstreamPeople.map(({ id, name }) => html`<option value="${id}">${name}</option>`)}</select>
</div>
<ul class="stack">${appleEvents.map(
    (type) =>
      html`<li><button class="button secondary" name="type" value="${type}"${!hasApple && html` disabled`}>${say(`apple.${type}`)}</button></li>`,
  )}</ul>
</form>
</main>`
  return shell(visit, { title: say('apple.title'), script: 'outbox.js', body })
}
