/**
 * The operations Redis has no command for. Each touches one key, or keys of one slot, so that it works in a cluster;
 * the time comes from the caller, so that a walked clock expires values without waiting.
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
  /** value as JSON → 1 when it was that value, and is no more. */
  menshenRelease: {
    numberOfKeys: 1,
    lua: `
      local kept = redis.call('GET', KEYS[1])
      if kept and string.match(kept, '^{"e":%d+,"v":(.*)}$') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
      return 0`,
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
   * now, then most events, length in ms and amount (1 counts, 0 looks, -1 gives back) of each counter → 1 when all had
   * room, then events and ms until there is room of each. A value lists time:events, oldest first. A window of more
   * than 60 events is kept in 60 parts, each counted until its end has left the window, so that no value grows with its
   * limit.
   */
  menshenCount: {
    lua: `
      local now, counters, fits = tonumber(ARGV[1]), {}, 1
      for i, key in ipairs(KEYS) do
        local max, span, amount = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
        local counter = { key = key, max = max, span = span, amount = amount, used = 0, entries = {} }
        for at, events in string.gmatch(redis.call('GET', key) or '', '(%d+):(%d+)') do
          if at + span > now then
            table.insert(counter.entries, { at = tonumber(at), events = tonumber(events) })
            counter.used = counter.used + events
          end
        end
        if amount >= 0 and counter.used >= max then fits = 0 end
        counters[i] = counter
      end
      local answer = { fits }
      for _, counter in ipairs(counters) do
        local entries, span = counter.entries, counter.span
        if fits == 1 and (counter.amount > 0 or counter.amount < 0 and counter.used > 0) then
          local step = counter.max > 60 and math.floor(span / 60) or 1
          local at, found = math.ceil(now / step) * step, nil
          for _, entry in ipairs(entries) do
            if counter.amount > 0 and entry.at == at or counter.amount < 0 and entry.events > 0 then found = entry end
          end
          if not found then
            found = { at = at, events = 0 }
            table.insert(entries, found)
            table.sort(entries, function(a, b) return a.at < b.at end)
          end
          found.events = found.events + counter.amount
          counter.used = counter.used + counter.amount
          local texts = {}
          for i, entry in ipairs(entries) do texts[i] = string.format('%.0f:%.0f', entry.at, entry.events) end
          redis.call('SET', counter.key, table.concat(texts, ','), 'PX', math.max(span + step, 1000))
        end
        local left, wait = counter.used, 0
        if left >= counter.max then wait = span end
        for _, entry in ipairs(entries) do
          if left >= counter.max then
            left = left - entry.events
            if left < counter.max then wait = entry.at + span - now end
          end
        end
        table.insert(answer, counter.used)
        table.insert(answer, wait)
      end
      return answer`,
  },
} as const
