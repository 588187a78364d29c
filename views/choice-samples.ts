import { longName } from './sample-values.ts'
import type { Views } from './views.ts'

type ChoicePage =
  | 'choose'
  | 'choose-account'
  | 'select-account'
  | 'conflict'
  | 'confirm-owner'
  | 'leaving'
  | 'bind-identity'

const mine = {
  label: '138****8000',
  createdAt: new Date('2025-03-01T12:34:56Z'),
  lastUsedAt: new Date('2026-03-01T12:34:56Z'),
}
const other = {
  userId: 'usr_2b',
  label: 'ow****F2ZQ',
  createdAt: new Date('2025-04-01T12:34:56Z'),
  lastUsedAt: new Date('2026-02-01T12:34:56Z'),
}

/** Samples of the pages that ask to whom something belongs. */
export const choiceSamples: { readonly [K in ChoicePage]: readonly Views[K][] } = {
  choose: [
    { provider: 'wechat', nickname: '林小雨', canRegister: true, existingMethod: 'sms' },
    { provider: 'oidc:corp', canRegister: false, existingMethod: 'password' },
    { provider: 'phone', canRegister: true, existingMethod: 'sms', needsInvite: true },
    {
      provider: 'wechat',
      canRegister: true,
      existingMethod: 'sms',
      needsInvite: true,
      invite: 'K7QM-2XRA',
      error: {
        code: 'registration.invite_invalid',
        message: '邀请码不正确、已被使用或已过期。请检查后重新输入，或向邀请您的人索取新的邀请码。',
        field: 'invite',
      },
    },
  ],
  'choose-account': [
    {
      provider: 'wechat',
      canMerge: true,
      accounts: [
        { ...mine, userId: 'usr_1a', nickname: '林小雨', isSpare: true },
        { ...other, nickname: longName, isSpare: false },
      ],
      otherMethod: 'sms',
    },
    {
      provider: 'qq',
      canMerge: true,
      accounts: [
        { ...mine, userId: 'usr_1a', nickname: '林小雨', isSpare: true },
        { ...other, isSpare: true },
      ],
      otherMethod: 'password',
    },
    {
      provider: 'oidc:corp',
      canMerge: false,
      accounts: [
        { ...other, isSpare: false },
        { ...other, userId: 'usr_3c', nickname: '林小雨', isSpare: false },
        { ...other, userId: 'usr_4d', isSpare: false },
      ],
    },
  ],
  'select-account': [
    { account: { label: '138****8000', nickname: '林小雨' } },
    { account: { label: 'ow****F2ZQ', nickname: longName } },
    { account: { label: '138****8000' } },
  ],
  conflict: [
    { accounts: [mine], canMerge: true },
    { accounts: [mine], canMerge: false },
  ],
  'confirm-owner': [
    { account: { name: '林***', year: 2024 }, without: 'new' },
    { account: { year: 2021 }, without: 'own' },
    { account: { name: 'L***', year: 2023 } },
  ],
  leaving: [
    { account: { label: '138****8000', nickname: '林小雨' }, leavesAt: new Date('2026-12-06T15:04:00Z') },
    { account: { label: 'ow****F2ZQ' }, leavesAt: new Date('2026-12-06T15:04:00Z') },
  ],
  'bind-identity': [
    {
      identity: { provider: 'github', label: 'gh****8f42', nickname: '林小雨' },
      account: { label: '138****8000' },
      canBind: true,
    },
    {
      identity: { provider: 'phone', label: '138****8000' },
      account: { label: 'gh****8f42', nickname: longName },
      canBind: true,
    },
    {
      identity: { provider: 'oidc:corp', label: '12****7890' },
      account: { label: '138****8000', nickname: '林小雨' },
      canBind: false,
      error: { code: 'identity.taken', message: '这个登录方式已经属于另一个账号。' },
    },
  ],
}
