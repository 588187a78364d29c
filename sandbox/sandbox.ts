import type { Sandbox } from '../src/app.ts'
import type { Core } from '../src/core.ts'
import { outbox } from './outbox.ts'

/** Everything that makes the server usable offline by somebody who tries it. Never part of the image. */
export async function openSandbox({ config, clock }: Core): Promise<Sandbox> {
  const { issuer } = config
  const messages = outbox({ dataDir: config.data_dir, clock })
  return {
    sms: messages.smsSender(),
    mail: messages.mailSender(),
    clients: [
      {
        client_id: 'sandbox-demo',
        client_name: 'Demo',
        first_party: true,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: [`${issuer}/sandbox/callback`],
        post_logout_redirect_uris: [`${issuer}/sandbox`],
        default_resource: `${issuer}/sandbox/api`,
        scope: 'openid offline_access profile phone email identities',
        resource_scopes: ['orders:read', 'orders:write'],
      },
    ],
    resources: [
      { resource: `${issuer}/sandbox/api`, scopes: ['orders:read', 'orders:write'], access_token: { format: 'jwt' } },
    ],
    middleware: () => async (ctx, next) => {
      if (ctx.path === '/sandbox/outbox' && ctx.method === 'GET') {
        const { to } = ctx.query
        ctx.body = await messages.list({ to: typeof to === 'string' ? to : undefined })
        return
      }
      await next()
    },
    async close() {},
  }
}
