#!lua
-- A batch of one hub's changes of one app: each becomes so whole, or not at all, in the order in which they stand here.
--
-- KEYS: meta, stream, records, ranges, logs; all under one hash tag.
-- ARGV: epoch, origin, entries kept at least, and the entries:
--   serial, language, change, expects, operations; then KEY VERSION for each that is expected; then the operations:
--   p KEY RECORD    there is this record
--   i KEY RECORD    the same, and its key can be reached by a range
--   d KEY           there is none
--   x KEY           the same, of a key that can be reached by a range
--   r FROM TO       there is none of those that can be reached by a range, from the one and below the other
--   o LOG EPOCH N   there is this log, and its newest message has this number
--   n LOG COUNT     so many messages are published in it
--   c LOG           there is no such log
--   f ORIGIN        this hub is gone, and nothing more is taken from it
--
-- Answers {'fenced', epoch, replid, replid of now}, {'gone'}, or {'ok', one of these for each entry}:
--   {1, number, numbers}   it is so, as the entry of this number; of its posts, the first got these
--   {2, number}            its serial was decided before; what became of it, the stream says up to this entry
--   {3, key, version, ..}  of what was expected, this is otherwise
--   {4, log}               there is no such log to publish in
--   {5, error}             the stream does not take it, and nothing that follows was looked at
-- Nothing is written before all that could fail has been read: a script that fails half way is not undone.
local call, match, format = redis.call, string.match, string.format
local meta, stream, records, ranges, logs = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local epoch, origin = ARGV[1], ARGV[2]

local known = call('HMGET', meta, 'epoch', 'replid', 'number', 'hub:' .. origin)
local replid = match(call('INFO', 'replication'), 'master_replid:(%x+)')
if known[1] ~= epoch or known[2] ~= replid then
  return {'fenced', known[1] or '', known[2] or '', replid}
end
if not known[4] then
  return {'gone'}
end
local number = tonumber(known[3])
local serial_last, number_last = match(known[4], '^(%d+) (%d+)$')
serial_last, number_last = tonumber(serial_last), tonumber(number_last)
-- Keys of another type would fail later.
call('HLEN', records)
call('ZCARD', ranges)
call('HLEN', logs)
call('XLEN', stream)

-- Of each log that was looked at: its number and epoch, or false. Written at the end.
local current, is_changed = {}, {}
local function log_of(name)
  local log = current[name]
  if log == nil then
    local text = call('HGET', logs, name)
    log = false
    if text then
      local count, life = match(text, '^(%d+) (.*)$')
      log = {tonumber(count), life}
    end
    current[name] = log
  end
  return log
end

local function remove(from, to)
  local keys = call('ZRANGE', ranges, '[' .. from, '(' .. to, 'BYLEX')
  for first = 1, #keys, 1000 do
    local last = math.min(first + 999, #keys)
    call('HDEL', records, unpack(keys, first, last))
    call('ZREM', ranges, unpack(keys, first, last))
  end
end

local ARITY = {p = 3, i = 3, d = 2, x = 2, r = 3, o = 4, n = 3, c = 2, f = 2}
local results, at, is_written, is_leaving = {'ok'}, 4, false, false
local ARGS, size = ARGV, #ARGV
while at <= size do
  local serial, language, change = ARGS[at], ARGS[at + 1], ARGS[at + 2]
  local expects, operations = tonumber(ARGS[at + 3]), tonumber(ARGS[at + 4])
  local first = at + 5 + 2 * expects
  local result
  if tonumber(serial) <= serial_last then
    result = {2, number_last}
  elseif expects > 0 then
    local keys = {}
    for each = 1, expects do
      keys[each] = ARGS[at + 3 + 2 * each]
    end
    local found = call('HMGET', records, unpack(keys))
    for each = 1, expects do
      local version = found[each] and match(found[each], '^%d+') or '0'
      if version ~= ARGS[at + 4 + 2 * each] then
        result = result or {3}
        result[#result + 1] = keys[each]
        result[#result + 1] = version
      end
    end
  end

  -- What the logs become by it, and where it ends.
  local mine, numbers, here = {}, {}, first
  for _ = 1, operations do
    local operation = ARGS[here]
    if operation == 'n' then
      local name = ARGS[here + 1]
      local log = mine[name]
      if log == nil then
        log = log_of(name)
      end
      if log then
        numbers[#numbers + 1] = format('%.0f', log[1] + 1)
        mine[name] = {log[1] + tonumber(ARGS[here + 2]), log[2]}
      else
        result = result or {4, name}
      end
    elseif operation == 'o' then
      mine[ARGS[here + 1]] = {tonumber(ARGS[here + 3]), ARGS[here + 2]}
    elseif operation == 'c' then
      mine[ARGS[here + 1]] = false
    end
    here = here + ARITY[operation]
  end
  at = here

  if not result then
    local version, list = format('%.0f', number + 1), table.concat(numbers, ' ')
    local added = redis.pcall('XADD', stream, version .. '-0', 'by', origin .. '/' .. serial,
      'epoch', epoch, 'language', language, 'change', change, 'numbers', list)
    if type(added) == 'table' and added.err then
      results[#results + 1] = {5, added.err}
      break
    end
    number = number + 1
    here = first
    for _ = 1, operations do
      local operation, key = ARGS[here], ARGS[here + 1]
      if operation == 'p' then
        call('HSET', records, key, version .. ' ' .. ARGS[here + 2])
      elseif operation == 'i' then
        call('HSET', records, key, version .. ' ' .. ARGS[here + 2])
        call('ZADD', ranges, 0, key)
      elseif operation == 'd' then
        call('HDEL', records, key)
      elseif operation == 'x' then
        call('HDEL', records, key)
        call('ZREM', ranges, key)
      elseif operation == 'r' then
        remove(key, ARGS[here + 2])
      elseif operation == 'f' then
        call('HDEL', meta, 'hub:' .. key)
        is_leaving = is_leaving or key == origin
      end
      here = here + ARITY[operation]
    end
    for name, log in pairs(mine) do
      current[name], is_changed[name] = log, true
    end
    serial_last, number_last, is_written = tonumber(serial), number, true
    result = {1, number, list}
  end
  results[#results + 1] = result
end

if is_written then
  for name in pairs(is_changed) do
    local log = current[name]
    if log then
      call('HSET', logs, name, format('%.0f %s', log[1], log[2]))
    else
      call('HDEL', logs, name)
    end
  end
  call('HSET', meta, 'number', format('%.0f', number))
  if not is_leaving then
    call('HSET', meta, 'hub:' .. origin, format('%.0f %.0f', serial_last, number_last))
  end
  call('XTRIM', stream, 'MAXLEN', '~', ARGV[3])
end
return results
