import type { ConsentView, ScopeItem } from './consent-views.ts'
import { longName } from './sample-values.ts'

const scopes: readonly ScopeItem[] = [
  {
    name: 'openid',
    title: '识别您的账号',
    description: '仅用于识别登录的是您，不包含其他资料。',
    required: true,
    isTicked: false,
  },
  { name: 'phone', title: '手机号', description: '您已验证的手机号。', required: false, isTicked: false },
  {
    name: 'profile',
    title: '昵称和头像',
    description: '您的昵称、头像和用户名；未设置昵称时，提供隐去部分字符的账号名。',
    required: false,
    isTicked: false,
  },
]

const offline: ScopeItem = {
  name: 'offline_access',
  title: '持续访问（您未使用时）',
  description: '即使您没有在使用该应用，它仍可使用您授予的权限，直到您取消授权。',
  required: false,
  isTicked: false,
}

const consent: ConsentView = {
  client: { name: '茶园记账' },
  scopes,
  resources: [],
  granted: [],
  account: '138****8000',
  canSwitch: true,
}

/** The consent page in all the ways it can look. */
export const consentSamples: { readonly consent: readonly ConsentView[] } = {
  consent: [
    consent,
    {
      client: {
        name: longName,
        uri: 'https://tea.example.com',
        policyUri: 'https://tea.example.com/privacy',
        tosUri: 'https://tea.example.com/terms',
        filingNumber: '浙ICP备12345678号-3A',
      },
      scopes: [...scopes, offline],
      resources: [
        {
          resource: '茶园订单',
          scopes: [
            {
              name: 'https://api.tea-garden-and-market.example.com/v1/orders orders:read',
              title: '查看订单',
              description: '读取您的订单和物流信息。',
              required: true,
              isTicked: false,
            },
            {
              name: 'https://api.tea-garden-and-market.example.com/v1/orders orders:write',
              title: '提交订单',
              description: '以您的名义下单和取消订单。',
              required: false,
              isTicked: false,
            },
          ],
        },
      ],
      granted: [],
      account: 'a***d@subdomain.of.a.long.example.com',
      canSwitch: false,
    },
    { ...consent, scopes: [...scopes, offline].map((scope) => ({ ...scope, isTicked: scope.name !== 'profile' })) },
    {
      ...consent,
      scopes: [],
      resources: [
        {
          resource: 'https://api.example.com',
          scopes: [
            {
              name: 'https://api.example.com reports:read',
              title: 'reports:read',
              description: '',
              required: false,
              isTicked: false,
            },
          ],
        },
      ],
      granted: ['识别您的账号', '手机号'],
    },
  ],
}
