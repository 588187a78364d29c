import cluster from 'node:cluster'
import type Router from '@koa/router'
import type { Context } from 'koa'
import { refuseCrossSite } from '../../interactions/browser/guard.ts'
import type { Renderer } from '../../interactions/browser/render.ts'
import { readForm } from '../../interactions/form.ts'
import { AppError } from '../../src/base/errors.ts'
import { answerPage, shell, type Visit } from '../pages.ts'
import { type Switch, type Switches, switchGroups } from '../switches.ts'
import { applePath } from './apple-routes.ts'
import { type Html, html } from './html.ts'

interface Dependencies {
  readonly issuer: string
  readonly renderer: Pick<Renderer, 'switchLanguage'>
  readonly visit: (ctx: Context, path: string) => Visit
  readonly switches: Switches
}

const path = '/sandbox/oddities'

/** The page that switches on what real vendors do, and its forms, which need no script. */
export function switchRoutes(router: Router, { issuer, renderer, visit, switches }: Dependencies): void {
  router.get('sandbox_oddities', path, (ctx) => {
    if (!renderer.switchLanguage(ctx)) answerPage(ctx, switchPage(visit(ctx, path), switches))
  })
  router.post('sandbox_oddities_turn', path, async (ctx) => {
    refuseCrossSite(ctx, issuer)
    const { on, off, reset } = (await readForm(ctx)).fields
    if (reset !== undefined) switches.turnAllOff()
    else if (!switches.turn(on ?? off ?? '', on !== undefined)) throw new AppError('request.invalid')
    ctx.redirect(on === undefined ? path : `${path}#${on}`)
    ctx.status = 303
  })
}

/** What is on stands first, because it explains what the other pages do. */
function switchPage(visit: Visit, switches: Switches): Html {
  const { say } = visit
  const on = Object.values(switchGroups)
    .flat()
    .filter((name) => switches.isOn(name))
  // Several processes do not share this page's memory.
  const lacks = cluster.isWorker ? 'process' : switches.hasVendors ? undefined : 'vendors'
  const body = html`<main class="card">
<h1>${say('oddities.title')}</h1>
<p class="lead">${say('oddities.lead')}</p>
${lacks && html`<p class="warning">${say(`oddities.lacks_${lacks}`)}</p>`}
<section class="panel" aria-labelledby="on"><h2 id="on">${say('oddities.on')}</h2>
${on.length === 0 && html`<p>${say('oddities.none')}</p>`}
<ul>${on.map((name) => html`<li><a href="#${name}">${say(`odd.${name}`)}</a></li>`)}</ul>
<form method="post" action="${path}"><button class="button secondary" name="reset" value="1"${on.length === 0 && html` disabled`}>${say('oddities.reset')}</button></form>
</section>
${Object.entries(switchGroups).map(
  ([group, names]) => html`<section aria-labelledby="g-${group}">
<h2 id="g-${group}">${say(`oddities.${group}`)}</h2>
<ul class="switches">${names.map((name) => row(visit, name, switches.isOn(name)))}</ul>
</section>`,
)}
<p class="centre"><a href="${applePath}">${say('apple.title')}</a></p>
</main>`
  return shell(visit, { title: say('oddities.title'), script: 'outbox.js', body })
}

function row({ say }: Visit, name: Switch, isOn: boolean): Html {
  const label = `o-${name}`
  return html`<li id="${name}"><span id="${label}">${say(`odd.${name}`)}</span>
<form method="post" action="${path}"><button class="button secondary" name="${isOn ? 'off' : 'on'}" value="${name}" aria-describedby="${label}">${say(
    isOn ? 'oddities.turn_off' : 'oddities.turn_on',
  )}</button></form></li>`
}
