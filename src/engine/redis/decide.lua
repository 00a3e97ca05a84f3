#!lua
-- Whether an epoch goes on under another replication id, or a new one begins: whoever asks first decides for all.
--
-- KEYS: meta, stream, answers; all under one hash tag.
-- ARGV: the replication id that the inquiry is about, an epoch to begin if need be, 1 if nobody is waited for any longer.
-- An answer is, by its hub, 'REPLID EPOCH NUMBER BY': the newest entry that it has applied.
--
-- Answers {'moved', replid}, {'wait'}, or {'stands', epoch, number, 1 if it began now}.
local call, match, format = redis.call, string.match, string.format
local meta, stream, answers = KEYS[1], KEYS[2], KEYS[3]

local replid = match(call('INFO', 'replication'), 'master_replid:(%x+)')
if replid ~= ARGV[1] then
  return {'moved', replid}
end
local known, hubs = {}, {}
local fields = call('HGETALL', meta)
for each = 1, #fields, 2 do
  known[fields[each]] = fields[each + 1]
  local hub = match(fields[each], '^hub:(.*)$')
  if hub then
    hubs[#hubs + 1] = hub
  end
end
local number = tonumber(known.number or '0')
local newest, first = 0, 0
if call('EXISTS', stream) == 1 then
  local info = call('XINFO', 'STREAM', stream)
  for each = 1, #info, 2 do
    if info[each] == 'last-generated-id' then
      newest = tonumber(match(info[each + 1], '^%d+'))
    end
  end
  local oldest = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  first = oldest and tonumber(match(oldest[1], '^%d+')) or newest + 1
end
local is_whole = known.epoch and known.number and newest == number
if is_whole and known.replid == replid then
  return {'stands', known.epoch, known.number, 0}
end

local told, is_held, greatest = {}, true, math.max(number, newest)
local given = call('HGETALL', answers)
for each = 1, #given, 2 do
  local about, epoch, count, by = match(given[each + 1], '^(%x+) (%x*) (%d+) (.*)$')
  greatest = math.max(greatest, tonumber(count or '0'))
  if about == replid and tonumber(count) > 0 then
    told[given[each]], told.any = true, true
    local entry = call('XRANGE', stream, count .. '-0', count .. '-0')[1]
    local is_there = entry and entry[2][2] == by or tonumber(count) < first
    is_held = is_held and epoch == known.epoch and is_there
  end
end
local is_new = not is_whole
if is_whole then
  local is_complete = told.any
  for _, hub in ipairs(hubs) do
    is_complete = is_complete and told[hub]
  end
  is_new = not is_held or not told.any
  if ARGV[3] ~= '1' and is_held and not is_complete then
    return {'wait'}
  end
end
if not is_new then
  call('HSET', meta, 'replid', replid)
  call('DEL', answers)
  return {'stands', known.epoch, known.number, 0}
end
-- Above all numbers that anybody may have seen, even of entries that are gone with all who knew them.
local time = call('TIME')
number = math.max(greatest + 1, time[1] * 1000000 + time[2])
local text = format('%.0f', number)
call('XADD', stream, text .. '-0', 'by', '', 'epoch', ARGV[2], 'language', '0', 'change', '', 'numbers', '')
call('HSET', meta, 'epoch', ARGV[2], 'replid', replid, 'number', text)
call('DEL', answers)
return {'stands', ARGV[2], text, 1}
