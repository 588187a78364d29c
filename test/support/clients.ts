/** Clients and APIs most tests need; the same redirect URI everywhere, answered by nobody. */
export const redirectUri = 'https://app.example.com/callback'
export const api = 'https://api.example.com'
export const backendSecret = 'backend-secret-of-at-least-32-characters'

export const resources = [
  { resource: api, scopes: ['orders:read', 'orders:write'] },
  {
    resource: 'https://opaque.example.com',
    scopes: ['orders:read'],
    access_token: { format: 'opaque', ttl: '10m', introspected_by: ['backend'] },
  },
]

const ours = { first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }

export const clients = [
  {
    ...ours,
    client_id: 'web',
    client_name: 'Example Web',
    post_logout_redirect_uris: ['https://app.example.com/'],
    default_resource: api,
    scope: 'openid profile phone email offline_access orders:read',
  },
  { ...ours, client_id: 'plain', client_name: 'Plain App' },
  { ...ours, client_id: 'native', application_type: 'native', redirect_uris: ['com.example.app:/callback'] },
  {
    client_id: 'third',
    client_name: '第三方应用',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['https://third.example.com/callback'],
    default_resource: api,
    scope: 'openid profile phone offline_access orders:read orders:write',
  },
  { client_id: 'backend', secret: backendSecret, grant_types: ['client_credentials'] },
  {
    client_id: 'tv',
    client_name: '客厅电视',
    first_party: true,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  },
]

export const backendAuth = {
  authorization: `Basic ${Buffer.from(`backend:${backendSecret}`).toString('base64')}`,
}
