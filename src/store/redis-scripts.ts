/**
 * The operations Redis has no command for. Each touches one key, so that it works in a cluster; the time comes from the caller,
 * so that a walked clock expires values without waiting.
 */
export const scripts = {
  /** now, envelope, ttl in ms → 1 when nothing living was there. */
  menshenAdd: {
    numberOfKeys: 1,
    lua: `
      local kept = redis.call('GET', KEYS[1])
      if kept and tonumber(string.match(kept, '^{"e":(%d+)')) > tonumber(ARGV[1]) then return 0 end
      redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
      return 1`,
  },
  /** now, end of a window that starts now, its length in ms → the new count. */
  menshenIncrement: {
    numberOfKeys: 1,
    lua: `
      local kept = redis.call('GET', KEYS[1])
      if kept then
        local ends, count = string.match(kept, '^{"e":(%d+),"v":(%d+)}$')
        if tonumber(ends) > tonumber(ARGV[1]) then
          redis.call('SET', KEYS[1], '{"e":' .. ends .. ',"v":' .. (count + 1) .. '}', 'KEEPTTL')
          return count + 1
        end
      end
      redis.call('SET', KEYS[1], '{"e":' .. ARGV[2] .. ',"v":1}', 'PX', ARGV[3])
      return 1`,
  },
  /**
   * now, longest window in ms, most events kept, then max and length of each window → ms until the event would be counted, 0
   * when it was. A window of max events is full while the event that lies max places back is still inside it.
   */
  menshenHit: {
    numberOfKeys: 1,
    lua: `
      local now, wait = tonumber(ARGV[1]), 0
      for i = 4, #ARGV, 2 do
        local event = redis.call('LINDEX', KEYS[1], -tonumber(ARGV[i]))
        if event then wait = math.max(wait, tonumber(event) + tonumber(ARGV[i + 1]) - now) end
      end
      if wait > 0 then return wait end
      redis.call('RPUSH', KEYS[1], ARGV[1])
      redis.call('LTRIM', KEYS[1], -tonumber(ARGV[3]), -1)
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
      return 0`,
  },
} as const
