import { z } from 'zod'
import { waysToProve } from './answers.ts'

const text = z.string()

/** Status 200 of looking at one's merges. */
export const mergeList = z.object({
  methods: waysToProve.describe('By what the other account may be proved.'),
  merges: z
    .array(
      z.object({
        id: text,
        former_sub: text.describe('The account that became part of this one.'),
        merged_at: z.iso.datetime(),
        undo_until: z.iso.datetime(),
      }),
    )
    .describe('What may still be taken back, the newest first.'),
})

/** Status 200 of merging. */
export const merged = z.object({
  merged: z.boolean().describe('False after `choice=apart`: nothing has changed.'),
  id: text.optional().describe('Takes it back.'),
  sub: text.optional().describe('The account that stays. Where that is not the app’s own, its tokens have ended.'),
  former_sub: text.optional().describe('The account that became part of it.'),
  undo_until: z.iso.datetime().optional(),
})

/** Status 200 of taking a merge back. */
export const unmerged = z.object({
  former_sub: text.describe('The account that is one of its own again.'),
  missing: z.array(text).describe('Providers of what could not be given back: it leads elsewhere by now, or nowhere.'),
})
