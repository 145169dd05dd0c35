"""What is done in Redis in one step: Lua scripts (Redis 5 or later, or Valkey).

Each gets the keys that it uses, all of one room, and makes up no other. Times are in ms
of Redis's own clock, so that those of the processes need not agree.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final

import attrs


@attrs.frozen
class Script:
    """
    A script.

    :ivar source: its text.
    :ivar digest: what Redis calls it, once it is loaded.
    """

    source: str
    digest: str = attrs.field(init=False)

    @digest.default
    def _digest(self) -> str:
        return sha1(self.source.encode(), usedforsecurity=False).hexdigest()


# Where a room has no position, one is made. What is left of its history, if Redis has
# dropped the one and kept the other, belongs to no epoch that anybody can name.
_HEAD: Final = """
local head, stream = KEYS[1], KEYS[2]
local function begin(epoch, kept)
  local found = redis.call('HMGET', head, 'epoch', 'offset')
  if found[1] and found[2] then
    return found[1], found[2]
  end
  redis.call('DEL', head, stream)
  redis.call('HSET', head, 'epoch', epoch, 'offset', '0')
  redis.call('PEXPIRE', head, kept)
  return epoch, '0'
end
"""

#: Append to the history and tell the subscribers. Keys: head, stream. Arguments: an
#: epoch to begin where there is none, ms to keep the head, the channel, messages to
#: keep, ms to keep them, the text. Returns epoch and offset.
PUBLISH: Final = Script(
    _HEAD
    + """
local epoch = begin(ARGV[1], ARGV[2])
local offset = string.format('%.0f', redis.call('HINCRBY', head, 'offset', 1))
redis.call('XADD', stream, 'MAXLEN', ARGV[4], offset .. '-0', 't', ARGV[6])
redis.call('PEXPIRE', stream, ARGV[5])
redis.call('PEXPIRE', head, ARGV[2])
redis.call('PUBLISH', ARGV[3], 'm' .. epoch .. ':' .. offset .. ':' .. ARGV[6])
return {epoch, offset}
"""
)

#: Read a page of the history. Keys: head, stream. Arguments: an epoch to begin where
#: there is none, ms to keep the head, the epoch of a position and its offset, how many
#: entries to read at most, and how many bytes; the last entry may exceed them. With
#: another epoch it begins with the oldest entry; with none, the offset is a number of
#: entries, the newest of which are wanted. Returns the epoch, the newest offset, and
#: offset and text of each entry.
READ: Final = Script(
    _HEAD
    + """
local epoch, newest = begin(ARGV[1], ARGV[2])
local first = 1
if ARGV[3] == '' then
  first = tonumber(newest) - tonumber(ARGV[4]) + 1
elseif ARGV[3] == epoch then
  first = tonumber(ARGV[4]) + 1
end
local found = {epoch, newest}
if first > tonumber(newest) then
  return found
end
local size, most = 0, tonumber(ARGV[6])
local start = string.format('%.0f', math.max(first, 1))
for _, entry in ipairs(redis.call('XRANGE', stream, start, '+', 'COUNT', ARGV[5])) do
  local text = entry[2][2]
  found[#found + 1] = string.match(entry[1], '^%d+')
  found[#found + 1] = text
  size = size + #text
  if size >= most then
    break
  end
end
return found
"""
)

#: Have a new epoch begin where Redis stands before a position that it has told once: it
#: has lost what came after, and would give the same offsets to other messages. Keys:
#: head, stream. Arguments: the position's epoch and offset. Returns whether it did.
FORGET: Final = Script(
    """
local found = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if found[1] == ARGV[1] and tonumber(found[2]) < tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1], KEYS[2])
  return 1
end
return 0
"""
)

_PRESENCE: Final = """
local members, leases = KEYS[1], KEYS[2]
local channel, ttl = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function keep()
  redis.call('PEXPIRE', members, ttl * 3)
  redis.call('PEXPIRE', leases, ttl * 3)
end
local function told(kind, member, value)
  local info = string.sub(value, string.find(value, ':', 1, true) + 1)
  redis.call('PUBLISH', channel, kind .. member .. ':' .. info)
end
local function sweep(whole)
  local gone = redis.call('ZREMRANGEBYSCORE', leases, '-inf', now)
  if gone == 0 and not whole then
    return
  end
  local alive = {}
  for _, process in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    alive[process] = true
  end
  local all = redis.call('HGETALL', members)
  for i = 1, #all, 2 do
    local value = all[i + 1]
    if not alive[string.match(value, '^[^:]*')] then
      redis.call('HDEL', members, all[i])
      told('l', all[i], value)
    end
  end
end
"""

#: Have members be present. Keys: members, leases. Arguments: the channel, the time to
#: live in ms, the process, and each member's id and info.
ENTER: Final = Script(
    _PRESENCE
    + """
redis.call('ZADD', leases, now + ttl, ARGV[3])
for i = 4, #ARGV, 2 do
  local value = ARGV[3] .. ':' .. ARGV[i + 1]
  if redis.call('HSET', members, ARGV[i], value) == 1 then
    told('j', ARGV[i], value)
  end
end
keep()
return 1
"""
)

#: Have members be present no longer. Keys: members, leases. Arguments: the channel, the
#: time to live in ms, and the members' ids.
LEAVE: Final = Script(
    _PRESENCE
    + """
for i = 3, #ARGV do
  local value = redis.call('HGET', members, ARGV[i])
  if value then
    redis.call('HDEL', members, ARGV[i])
    told('l', ARGV[i], value)
  end
end
return 1
"""
)

#: Keep the members of a process present, and remove those of processes that are gone.
#: Keys: members, leases, head. Arguments: the channel, the time to live in ms, the
#: process, or nothing where it has none there, and ms to keep the head. Returns 0 where
#: the process was taken to be gone, and has to enter its members anew.
TEND: Final = Script(
    _PRESENCE
    + """
local held = 1
if ARGV[3] ~= '' then
  if redis.call('ZSCORE', leases, ARGV[3]) then
    redis.call('ZADD', leases, now + ttl, ARGV[3])
  else
    held = 0
  end
end
-- Where our lease is not there, Redis may have dropped it, and others with it.
sweep(held == 0)
keep()
local left = redis.call('PTTL', KEYS[3])
if left >= 0 and left * 2 < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
return held
"""
)

#: Read who is present. Keys: members, leases. Arguments: the channel, the time to live
#: in ms. Returns each member's id and value.
MEMBERS: Final = Script(
    _PRESENCE
    + """
sweep(false)
return redis.call('HGETALL', members)
"""
)

#: All of them, to be loaded with each connection.
SCRIPTS: Final = (PUBLISH, READ, FORGET, ENTER, LEAVE, TEND, MEMBERS)
