import { z } from 'zod'

/** What happens to the pictures that upstreams tell. */
export const pictureOptions = z.strictObject({
  copy: z
    .boolean()
    .default(false)
    .describe(
      'Copies pictures in the background and serves them from this host, because vendors’ addresses die: JPEG and ' +
        'PNG, at most 256 pixels wide and high, in the database. What cannot be copied keeps its own address.',
    ),
  max_bytes: z.int().min(10_000).max(10_000_000).default(2_000_000).describe('Larger files are not copied.'),
})
