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
   * now, then of each counter: most events, length in ms, amount (above 0 counts, 0 looks, below 0 gives back), place
   * of the counter beside it (0: none), the share in percent that this one must have, place of the counter of the
   * single thing that it counts once (0: none), ms in which events are new → 1 when all had room, then events, ms
   * until there is room, and new events of each. A value lists time:events, oldest first. A window of more than 60
   * events is kept in 60 parts, each counted until its end has left the window, so that no value grows with its limit.
   */
  menshenCount: {
    lua: `
      local now, counters, fits = tonumber(ARGV[1]), {}, 1
      local function given(i, which) return tonumber(ARGV[7 * i - 6 + which]) end
      for i, key in ipairs(KEYS) do
        local counter = { key = key, max = given(i, 1), span = given(i, 2), amount = given(i, 3), other = given(i, 4) }
        counter.need, counter.share, counter.first = math.max(counter.amount, 1), given(i, 5), given(i, 6)
        counter.fresh, counter.used, counter.entries = given(i, 7), 0, {}
        for at, events in string.gmatch(redis.call('GET', key) or '', '(%d+):(%d+)') do
          if at + counter.span > now then
            table.insert(counter.entries, { at = tonumber(at), events = tonumber(events) })
            counter.used = counter.used + events
          end
        end
        counters[i] = counter
      end
      for _, counter in ipairs(counters) do
        local first = counters[counter.first]
        counter.isSingle = first == counter
        counter.again = first ~= nil and first ~= counter and first.used + math.min(first.amount, 0) > 0
      end
      local function recentOf(counter)
        local recent = 0
        for _, entry in ipairs(counter.entries) do
          if counter.fresh > 0 and entry.at > now - counter.fresh then recent = recent + entry.events end
        end
        return recent
      end
      local function hasRoom(counter)
        local other = counters[counter.other]
        if counter.again or counter.used + counter.need <= counter.max then return true end
        if other == nil then return false end
        return other.used * 100 >= counter.share * (counter.used - math.min(recentOf(counter), recentOf(other)))
      end
      for _, counter in ipairs(counters) do
        if counter.amount >= 0 and not hasRoom(counter) then fits = 0 end
      end
      for _, counter in ipairs(counters) do
        local entries, span = counter.entries, counter.span
        local counts = counter.amount > 0 or counter.amount < 0 and counter.used > 0
        if fits == 1 and counts and not counter.again then
          local step = counter.max > 60 and math.floor(span / 60) or 1
          local at, found = math.ceil(now / step) * step, counter.isSingle and entries[1] or nil
          for _, entry in ipairs(entries) do
            if counter.amount > 0 and entry.at == at or counter.amount < 0 and entry.events > 0 then found = entry end
          end
          if not found then
            found = { at = at, events = 0 }
            table.insert(entries, found)
            table.sort(entries, function(a, b) return a.at < b.at end)
          end
          local change = math.max(counter.amount, -found.events)
          found.events = found.events + change
          counter.used = counter.used + change
          local texts = {}
          for i, entry in ipairs(entries) do texts[i] = string.format('%.0f:%.0f', entry.at, entry.events) end
          redis.call('SET', counter.key, table.concat(texts, ','), 'PX', math.max(span + step, 1000))
        end
      end
      local answer = { fits }
      for _, counter in ipairs(counters) do
        local left, need, wait = counter.used, counter.need, 0
        if not hasRoom(counter) then
          wait = counter.span
          for _, entry in ipairs(counter.entries) do
            if left + need > counter.max then
              left = left - entry.events
              if left + need <= counter.max then wait = entry.at + counter.span - now end
            end
          end
        end
        table.insert(answer, counter.used)
        table.insert(answer, wait)
        table.insert(answer, recentOf(counter))
      end
      return answer`,
  },
} as const
