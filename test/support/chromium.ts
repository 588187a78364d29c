import axe from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { patienceMs } from './patience.ts'

/** Starts a Chromium that does nothing of its own accord; TEST_HEADED=1 opens its window and slows it down for somebody who looks on. */
export function launchChromium(executablePath: string): Promise<Browser> {
  const isHeaded = process.env['TEST_HEADED'] === '1'
  return chromium.launch({
    executablePath,
    timeout: patienceMs,
    headless: !isHeaded,
    slowMo: isHeaded ? 250 : 0,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** What scripts and the console complain of from now on. */
export function complaintsIn(context: BrowserContext): string[] {
  const complaints: string[] = []
  context.on('weberror', (error) => complaints.push(error.error().message))
  context.on('console', (message) => {
    // A refused form or call is answered 4xx on purpose; whoever minds looks at the responses.
    if (message.text().startsWith('Failed to load resource: the server responded with a status of 4')) return
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  return complaints
}

/** Whether the page is wider than the window, and what axe finds. */
export async function faultsOf(
  page: Page,
  judged: 'width' | 'contrast' | 'everything' = 'everything',
): Promise<string[]> {
  // Before its style has come every page is too wide.
  await page.waitForLoadState('load')
  const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'))
  const tooWide = overflow > 0 ? [`wider than the window by ${overflow} px`] : []
  if (judged === 'width') return tooWide
  const shown = (await violationsIn(page, judged)).map(({ id, nodes }) => {
    const places = nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`)
    return `${id}: ${places.join(' | ')}`
  })
  return [...tooWide, ...shown]
}

/** What axe finds. It is put into the page for that, and would see nothing of what a frame shows. */
async function violationsIn(page: Page, judged: 'contrast' | 'everything'): Promise<readonly axe.Result[]> {
  if (page.frames().length > 1) throw new Error(`axe does not see the frames of ${page.url()}`)
  await page.evaluate(axe.source)
  const options: axe.RunOptions = {
    resultTypes: ['violations'],
    ...(judged === 'contrast' ? { runOnly: { type: 'rule', values: ['color-contrast'] } } : {}),
  }
  return page.evaluate(`axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations)`)
}
