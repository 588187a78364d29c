import { oneTapOptions } from '../interactions/methods/one-tap.ts'
import { aliyunNumberCheckOptions } from '../interactions/upstreams/number-check-aliyun.ts'
import { Secret } from '../src/base/secret.ts'
import type { Sandbox } from '../src/build/app.ts'
import type { Core } from '../src/build/core.ts'
import { buildFace } from '../src/build/face.ts'
import { ownRoutes } from '../src/http/own-routes.ts'
import type { MailNotice } from '../src/mail/mail-sender.ts'
import { mailText } from '../src/mail/texts.ts'
import { consoleSms } from '../src/sms/console.ts'
import type { SmsSender } from '../src/sms/sms-sender.ts'
import { demoClients, demoResources } from './demo/clients.ts'
import { sandboxRoutes } from './demo/routes.ts'
import { oneTapSettings } from './one-tap.ts'
import { outbox, specialNumbers } from './outbox.ts'
import { startAliyunDytns } from './simulators/aliyun-dytns.ts'
import { startDeletionHook } from './simulators/deletion-hook.ts'
import { Switches } from './switches.ts'
import { startUpstreams } from './upstreams.ts'

/**
 * Writes only where a person sits in front of a terminal, because output that is kept in a file must not contain codes.
 */
const terminal = { write: (text: string) => process.stderr.isTTY && process.stderr.write(text) }

const checkKeys = { id: 'sandbox-dytns', secret: 'sandbox-dytns-secret', authCode: 'sandbox' }
const hookSecret = 'the secret of the shop in the sandbox'

export { sandboxClock as clock } from './clock.ts'

/** Everything that lets somebody try the server offline. It is never part of the image. */
export async function openSandbox({ config, clock, sealer }: Core): Promise<Sandbox> {
  const { issuer } = config
  const upstreams = config.connections.length === 0 ? await startUpstreams({ issuer, clock }) : undefined
  const connections = upstreams?.connections ?? []
  const hook = await startDeletionHook({ secret: hookSecret, clock, ordersUrl: 'https://shop.example.com/orders' })
  const { id, secret, authCode } = checkKeys
  const numbers = await startAliyunDytns({ clock, accessKeys: { [id]: secret }, authCode })
  const switches = new Switches(upstreams?.simulators, { hook, numbers })
  const face = buildFace(config)
  const write = (message: MailNotice) =>
    mailText(message, { translate: face.i18n.translate, brand: face.mailBrand }).text
  const messages = outbox({ dataDir: config.data_dir, clock, write })
  // The secret comes from the master key: it is the same in every process and after every start, and another on every
  // machine.
  const backendSecret = sealer.mac('sandbox', 'sandbox-backend')
  return {
    sms: switches.messages(printed(messages.smsSender(), consoleSms({ stream: terminal }))),
    mail: messages.mailSender(),
    connections,
    deletionHook: { url: hook.url, secret: new Secret(hookSecret) },
    numberCheck: aliyunNumberCheckOptions.parse({
      ...{ vendor: 'aliyun', access_key_id: id, access_key_secret: secret, auth_code: authCode, endpoint: numbers.url },
    }),
    oneTap: upstreams?.native ? oneTapSettings(upstreams.native.oneTap).map((each) => oneTapOptions.parse(each)) : [],
    clients: demoClients(issuer, backendSecret),
    resources: demoResources(issuer),
    middleware(renderer) {
      const router = sandboxRoutes({
        config,
        clock,
        renderer,
        messages,
        backendSecret,
        hasUpstreams: connections.length > 0,
        vendors: upstreams?.native,
        switches,
      })
      return ownRoutes(router)
    },
    async close() {
      await upstreams?.close()
      await hook.close()
      await numbers.close()
    },
  }
}

/**
 * Keeps each message and prints it beside the server's log, where a newcomer looks first. Messages that never arrive or
 * arrive late are not printed, because only the outbox knows when they come.
 */
export function printed(kept: SmsSender, console: SmsSender): SmsSender {
  return {
    async send(message) {
      const outcome = await kept.send(message)
      const isLost = message.to === specialNumbers.neverDelivered || message.to === specialNumbers.late
      if (!isLost) await console.send(message)
      return outcome
    },
  }
}
