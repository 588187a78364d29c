import { html } from '../demo/html.ts'
import type { Answer } from './simulator.ts'

interface Posting {
  readonly title: string
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
}

/** Posts the fields to another site at once, or by its button where script does not run. */
export function postingPage({ title, action, fields }: Posting): Answer {
  const body = html`<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<link rel="icon" href="data:,"></head>
<body><main><h1>${title}</h1>
<form method="post" action="${action}">
${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<button>继续 Continue</button>
</form></main>
<script>document.forms[0].submit()</script></body>
</html>`.text
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }, body }
}
