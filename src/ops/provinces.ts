/** Provinces of China by their codes in ISO 3166-2:CN, with the name that each begins with in Chinese data. */
const provinces = {
  AH: '安徽',
  BJ: '北京',
  CQ: '重庆',
  FJ: '福建',
  GD: '广东',
  GS: '甘肃',
  GX: '广西',
  GZ: '贵州',
  HA: '河南',
  HB: '湖北',
  HE: '河北',
  HI: '海南',
  HK: '香港',
  HL: '黑龙江',
  HN: '湖南',
  JL: '吉林',
  JS: '江苏',
  JX: '江西',
  LN: '辽宁',
  MO: '澳门',
  NM: '内蒙古',
  NX: '宁夏',
  QH: '青海',
  SC: '四川',
  SD: '山东',
  SH: '上海',
  SN: '陕西',
  SX: '山西',
  TJ: '天津',
  TW: '台湾',
  XJ: '新疆',
  XZ: '西藏',
  YN: '云南',
  ZJ: '浙江',
} as const

/** A province, by its code. Pages have a sentence `place.<code>` for each. */
export type Province = keyof typeof provinces

/** All of them. */
export const provinceCodes = Object.keys(provinces) as readonly Province[]

/** The province of this Chinese name, short or long: `广东`, `广东省`. */
export function provinceNamed(name: string): Province | undefined {
  return provinceCodes.find((code) => name.startsWith(provinces[code]))
}
