import type { Agreement, Country } from './form-values.ts'

/** Countries of the phone field. */
export const countries: readonly Country[] = [
  { callingCode: '86', name: '中国大陆' },
  { callingCode: '852', name: '中国香港' },
  { callingCode: '853', name: '中国澳门' },
  { callingCode: '1', name: '美国、加拿大' },
  { callingCode: '246', name: '英属印度洋领地' },
]

/** Documents to agree to. */
export const agreements: readonly Agreement[] = [
  { id: 'terms', title: '用户协议', url: '/sandbox/terms' },
  { id: 'privacy', title: '隐私政策', url: 'https://example.com/privacy?lang=zh&v=2' },
]

/** A name so long that it has to be broken into lines. */
export const longName = '中华人民共和国超长名称测试应用之二十四节气农事与茶叶交易平台国际版 International Edition'
/** A request id for the samples. */
export const requestId = '01JXW8C7Q2M6T4'

/** Where the picture of a person would be. Samples have none, so who draws them puts another address in its place. */
export const samplePicture = '/pictures/pic_sample'
