import type Router from '@koa/router'
import type { Context } from 'koa'
import type { Renderer } from '../../interactions/browser/render.ts'
import { AppError } from '../../src/base/errors.ts'
import { paths } from '../../src/base/paths.ts'
import { drawnBrand } from '../../src/brand/drawn-brand.ts'
import { buildFace, type Face } from '../../src/build/face.ts'
import { type SamplePage, samplePages } from '../../src/build/sample-pages.ts'
import type { Config } from '../../src/config/config.ts'
import { answerPage, shell, type Visit } from '../pages.ts'
import { type BrandDraft, draftOf } from './brand-draft.ts'
import { type Html, html } from './html.ts'

interface Dependencies {
  readonly config: Config
  readonly renderer: Pick<Renderer, 'switchLanguage' | 'locale'>
  readonly visit: (ctx: Context, path: string) => Visit
}

const path = '/sandbox/brand'

/** The page on which a brand is tried: a form, the pages as they would look, and the settings to copy. */
export function brandRoutes(router: Router, { config, renderer, visit }: Dependencies): void {
  let made: { readonly face: Face; readonly pages: ReturnType<typeof samplePages> } | undefined
  /** Made at the first visit, because every start of a sandbox would wait for them. */
  const shown = () => {
    if (made) return made
    const face = buildFace(config)
    made = { face, pages: samplePages(face) }
    return made
  }
  const draft = (ctx: Context) => draftOf(config.brand, ctx.query, renderer.locale(ctx))
  const chosen = ({ query }: Context) => {
    const { all } = shown().pages
    return all.find((page) => nameOf(page) === query['page']) ?? all[0]
  }

  router.get('sandbox_brand', path, (ctx) => {
    if (renderer.switchLanguage(ctx)) return
    const page = brandPage(visit(ctx, `${path}${ctx.search}`), draft(ctx), shown().pages.all, chosen(ctx), ctx.search)
    answerPage(ctx, page)
    ctx.set('content-security-policy', `${ctx.response.get('content-security-policy')}; frame-src 'self'`)
  })

  router.get('sandbox_brand_css', `${path}.css`, (ctx) => {
    ctx.set('cache-control', 'no-store')
    ctx.type = 'text/css'
    ctx.body = draft(ctx).brand.stylesheet?.body.toString().replaceAll('url(', `url(${paths.assets}/`) ?? ''
  })

  router.get('sandbox_brand_page', `${path}/page`, (ctx) => {
    const page = chosen(ctx)
    if (!page) throw new AppError('request.not_found')
    const locale = renderer.locale(ctx)
    const { face, pages } = shown()
    const drawn = drawnBrand(draft(ctx).brand, locale, face.pageBrand(locale).documents ?? [])
    const brand = { ...drawn, stylesheets: [`../sandbox/brand.css${ctx.search}`] }
    ctx.set('cache-control', 'no-store')
    ctx.set(
      'content-security-policy',
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    )
    ctx.type = 'html'
    ctx.body = pages.draw(page, { locale, brand, assetPath: paths.assets, languagePath: '/' })
  })
}

function nameOf({ name, index }: SamplePage): string {
  return `${name}-${index + 1}`
}

function brandPage(
  visit: Visit,
  { fields, problems, yaml }: BrandDraft,
  all: readonly SamplePage[],
  chosen: SamplePage | undefined,
  search: string,
): Html {
  const { say } = visit
  const field = (name: keyof typeof fields, hint?: string) => html`<div class="field">
<label for="f-${name}">${say(`brand.${name}`)}</label>
<input id="f-${name}" name="${name}" type="text" value="${fields[name]}" autocomplete="off" spellcheck="false"${
    hint !== undefined && html` aria-describedby="f-${name}-hint"`
  }>
${hint !== undefined && html`<p class="hint" id="f-${name}-hint">${hint}</p>`}
</div>`
  const body = html`<main class="demo-main">
<h1>${say('brand.title')}</h1>
<p class="lead">${say('brand.lead')}</p>
${
  problems.length > 0 &&
  html`<div class="alert" role="alert"><ul>${problems.map(
    ({ path: at, message }) => html`<li><code>brand.${at.join('.')}</code>: ${message}</li>`,
  )}</ul></div>`
}
<form class="brand-draft" method="get" action="${path}">
${field('name')}
${field('color', say('brand.color_hint'))}
${field('color_dark', say('brand.color_dark_hint'))}
${field('background', say('brand.color_hint'))}
${field('radius', say('brand.radius_hint'))}
<div class="field" hidden data-logo><label for="f-logo">${say('brand.logo')}</label>
<input id="f-logo" type="file" accept="image/svg+xml,image/png,image/jpeg,image/webp"></div>
<div class="field"><label for="f-page">${say('brand.page')}</label>
<select id="f-page" name="page">${all.map(
    (page) => html`<option${page === chosen && html` selected`}>${nameOf(page)}</option>`,
  )}</select></div>
<button class="button">${say('brand.show')}</button>
</form>
<iframe class="brand-shown" src="${path}/page${search}" title="${say('brand.shown')}"></iframe>
<section aria-labelledby="yaml"><h2 id="yaml">${say('brand.settings')}</h2>
<pre class="brand-yaml" tabindex="0"><code id="settings">${yaml}</code></pre>
<p class="hint">${say('brand.about')}</p></section>
</main>`
  return shell(visit, { title: say('brand.title'), script: 'brand.js', wide: true, body })
}
