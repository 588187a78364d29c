import { expect, test } from 'vitest'
import { endsWithBrowser } from '../../src/oidc/clients/browser-clients.ts'

const web = { first_party: true, redirect_uris: ['https://app.example.com/callback'] }

test.each([
  ['a web app of ours', web, true],
  ['one that says so', { ...web, application_type: 'web' }, true],
  ['a native app of ours', { ...web, application_type: 'native' }, false],
  ['a device, which has no redirect URI', { ...web, redirect_uris: [] }, false],
  ['a device that leaves them out', { first_party: true }, false],
  ['an app of somebody else', { ...web, first_party: false }, false],
  ['one that does not say whose it is', { redirect_uris: web.redirect_uris }, false],
])('%s', (_, client, ends) => {
  expect(endsWithBrowser(client)).toBe(ends)
})
