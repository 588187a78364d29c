import { catalogue } from '../../src/base/errors.ts'
import { englishText } from '../../src/cli/output.ts'

/** The catalogue of errors, as Markdown. */
export function errorsMarkdown(): string {
  const rows = Object.entries(catalogue).map(([code, { status, oauth }]) => {
    const text = (englishText(`errors.${code}`) ?? '').replaceAll('|', '\\|')
    return `| \`${code}\` | ${status} | \`${oauth}\` | ${text} |`
  })
  return `${[
    '# Errors',
    '',
    'Written by `npm run docs` from the catalogue in `src/base/errors.ts`; do not edit.',
    '',
    'JSON endpoints answer `{ "error", "error_description", "message_key" }` with the status of the table; `message_key` is `errors.` and the code. Pages show the text in the language of',
    'the visitor, the code and a request id. Where trying again makes sense there is a `Retry-After` header.',
    '',
    '| code | status | `error` | what people are told in English |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`
}
