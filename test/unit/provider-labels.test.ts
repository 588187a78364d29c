import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectionOptions } from '../../interactions/upstreams/connections.ts'
import { locales } from '../../src/base/languages.ts'
import { viewEngine, viewsFolder } from '../../views/engine.ts'
import type { PageContext } from '../../views/views.ts'

const engine = viewEngine({
  folder: viewsFolder,
  files: new Map(),
  locales: ['zh-CN', 'en'],
  translate: (_, key, params = {}) => [key, ...Object.values(params)].join(' '),
  providerLabels: new Map([
    ['oidc:corp', '公司账号'],
    ['apple:other', '另一个团队'],
    ['github', 'not on any page'],
  ]),
})
const page: PageContext = {
  locale: 'zh-CN',
  brand: { name: '门神', supportUrl: undefined },
  clientName: undefined,
  requestId: 'r',
  sandbox: false,
  languagePath: '/',
  assetPath: '/assets',
}
const choose = (provider: string) =>
  engine.render('choose', { provider, nickname: undefined, canRegister: true, existingMethod: 'sms' }, page)

test('an OpenID provider is called what its operator calls it, else by its name', () => {
  expect(choose('oidc:corp')).toContain('公司账号')
  expect(choose('oidc:other')).toContain('other')
  expect(choose('oidc:other')).not.toContain('oidc:other')
})

test('a server or account of a kind is told apart from the others, by what its operator calls it where that is said', () => {
  expect(choose('github:ghe.example.com:8443')).toContain('provider.github (ghe.example.com:8443)')
  expect(choose('wechat:staff')).toContain('provider.wechat (staff)')
  expect(choose('apple:other')).toContain('另一个团队')
})

const kinds = connectionOptions.options.map(({ shape }) => shape.type.value).filter((type) => type !== 'oidc')

test.each(kinds)('%s has a name of its own in every language', (kind) => {
  expect(choose(kind)).toContain(`provider.${kind}`)
  for (const locale of locales()) {
    const sentences: object = JSON.parse(readFileSync(join(viewsFolder, 'locales', `${locale}.json`), 'utf8'))
    expect(Object.keys(sentences)).toContain(`provider.${kind}`)
  }
})
