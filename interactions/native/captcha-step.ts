import { z } from 'zod'

const text = z.string()

/** What an app shows, or solves by itself, before something is sent. */
export const captchaStep = z
  .object({
    step: z.literal('captcha'),
    provider: text,
    fields: z
      .array(text)
      .optional()
      .describe('Of the captcha of a vendor: the parameters that its answer is sent in, all of them.'),
    site_key: text.optional().describe('Turnstile, hCaptcha and others of their protocol.'),
    action: text.optional().describe('Turnstile: the action that the widget has to name.'),
    scene_id: text.optional().describe('Aliyun: `SceneId`.'),
    prefix: text.optional().describe('Aliyun: `prefix` of `AliyunCaptchaConfig`.'),
    region: text.optional().describe('Aliyun: `region` of `AliyunCaptchaConfig`.'),
    app_id: text.optional().describe('Tencent: `CaptchaAppId`.'),
    captcha_id: text.optional().describe('GeeTest, NetEase: `captchaId`.'),
    altcha: z
      .object({ parameters: z.record(text, z.unknown()), signature: text })
      .optional()
      .describe(
        'A challenge of ALTCHA v2, which the client solves by itself: of the provider `altcha`, and beside the ' +
          'captcha of a vendor for whoever cannot use that.',
      ),
  })
  .describe('Send the same again with the `fields` of the provider, or with the solution of `altcha` as `altcha`.')
