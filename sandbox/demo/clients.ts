import { type ResourceSeed, resourceSchema } from '../../src/oidc/clients/client-schema.ts'

/** The API the demo calls: the audience of its access tokens. */
export function demoResource(issuer: string): string {
  return `${issuer}/sandbox/api`
}

/** The APIs that the demo clients ask for. */
export function demoResources(issuer: string): readonly ResourceSeed[] {
  const scopes = [
    {
      name: 'orders:read',
      title: { 'zh-CN': '查看订单', en: 'See your orders' },
      description: { 'zh-CN': '读取您的订单和物流信息。', en: 'Reads your orders and where they are.' },
    },
    {
      name: 'orders:write',
      title: { 'zh-CN': '提交订单', en: 'Place orders' },
      description: { 'zh-CN': '以您的名义下单和取消订单。', en: 'Places and cancels orders in your name.' },
    },
  ]
  const title = { 'zh-CN': '演示订单', en: 'Demo orders' }
  return [resourceSchema.parse({ resource: demoResource(issuer), title, scopes })]
}

/**
 * One client of each kind, as the library takes them: our own app in a browser and on phones, an app of somebody else,
 * a backend, a television.
 */
export function demoClients(issuer: string, backendSecret: string): readonly Record<string, unknown>[] {
  const inBrowser = {
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [`${issuer}/sandbox/callback`],
    post_logout_redirect_uris: [`${issuer}/sandbox`],
    default_resource: demoResource(issuer),
  }
  return [
    {
      ...inBrowser,
      client_id: 'sandbox-demo',
      client_name: 'Demo',
      client_uri: `${issuer}/sandbox`,
      first_party: true,
      scope: 'openid offline_access profile phone email identities',
      resource_scopes: ['orders:read', 'orders:write'],
    },
    {
      client_id: 'sandbox-app',
      client_name: 'Demo app',
      first_party: true,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      // Nothing on this machine opens this address: when the app's browser is sent there, the journey ends.
      redirect_uris: ['app.menshen.sandbox:/callback'],
      default_resource: demoResource(issuer),
      scope: 'openid offline_access profile phone identities',
      resource_scopes: ['orders:read', 'orders:write'],
    },
    {
      ...inBrowser,
      client_id: 'sandbox-third-party',
      client_name: 'Third-party demo',
      first_party: false,
      client_uri: `${issuer}/sandbox`,
      tos_uri: `${issuer}/sandbox/terms`,
      policy_uri: `${issuer}/sandbox/privacy`,
      scope: 'openid offline_access profile phone email',
      resource_scopes: ['orders:read'],
    },
    {
      client_id: 'sandbox-backend',
      client_name: 'Demo backend',
      client_secret: backendSecret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      default_resource: demoResource(issuer),
      resource_scopes: ['orders:read'],
    },
    {
      client_id: 'sandbox-tv',
      client_name: 'Demo TV',
      first_party: true,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types: [],
      redirect_uris: [],
      // The simulated television is a page; without a redirect URI nothing else tells where it may call from.
      allowed_origins: [issuer],
      default_resource: demoResource(issuer),
      scope: 'openid offline_access profile phone',
      resource_scopes: ['orders:read'],
    },
  ]
}
