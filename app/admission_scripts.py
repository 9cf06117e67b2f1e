"""What Redis does in one piece when several servers share a house: its scripts for places and for the queue.

The keys, in this order:

1. `sessions`: the sessions of all servers; score: the time (s) at which the entry expires. Each session is also in
   `sessions:NETWORK`, so that those of a network can be counted.
2. `queue`: who waits; score: when they came (microseconds of Redis' clock). An entry is `server|network|…`.
3. `queue:leases`: the same entries; score: the time at which they expire.
4. `queue:full`: servers that have no room of their own at the moment; score: the time at which that word expires.

A session lives on the server that its browser is connected to. So somebody who waits at a server without room could
not take a place that another server has, and those who wait there may go first. All others go in order of arrival.
"""

from __future__ import annotations

#: No entry of these lives longer than so many seconds: one that says so is from before the clock was set back.
LONGEST_S = 3600

#: Begins the scripts below: what has expired goes, and `first_with_room` tells whose turn it is at a server.
_COMMON = """
local sessions, queue, leases, full = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local clock = redis.call('TIME')
local now, micros = tonumber(clock[1]), clock[1] * 1000000 + clock[2]
local function expired(key)
  local long_ago = redis.call('ZRANGEBYSCORE', key, '-inf', now)
  local never = redis.call('ZRANGEBYSCORE', key, now + LONGEST_S, '+inf')
  for _, entry in ipairs(never) do long_ago[#long_ago + 1] = entry end
  return long_ago
end
for _, key in ipairs({sessions, full, leases}) do
  for _, gone in ipairs(expired(key)) do
    redis.call('ZREM', key, gone)
    if key == leases then redis.call('ZREM', queue, gone) end
  end
end
local function first_with_room(server)
  for _, entry in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
    local of = string.match(entry, '^[^|]*')
    if of == server or not redis.call('ZSCORE', full, of) then return entry end
  end
end
local function number(value) return string.format('%.0f', value) end
""".replace("LONGEST_S", str(LONGEST_S))

#: ARGV: entry, seconds to live, most in all (0: no limit), most of a network, server, its entry in the queue or ''.
#: KEYS[5]: the sessions of the network. Answers 0, or why not: 1 full, 2 full for this network, 3 others came earlier.
TAKE = (
    _COMMON
    + """
local entry, seconds, most, most_of_network, server, ticket = unpack(ARGV)
for _, gone in ipairs(expired(KEYS[5])) do redis.call('ZREM', KEYS[5], gone) end
local first = first_with_room(server)
if first and first ~= ticket then return 3 end
if tonumber(most) > 0 and redis.call('ZCARD', sessions) >= tonumber(most) then return 1 end
if redis.call('ZCARD', KEYS[5]) >= tonumber(most_of_network) then return 2 end
for _, key in ipairs({sessions, KEYS[5]}) do redis.call('ZADD', key, now + seconds, entry) end
redis.call('EXPIRE', KEYS[5], seconds)
redis.call('ZREM', queue, ticket)
redis.call('ZREM', leases, ticket)
return 0
"""
)

#: The same for entries that are in already. KEYS: sessions, those of the network. ARGV: entry, seconds to live.
RENEW = """
local now = tonumber(redis.call('TIME')[1])
for _, key in ipairs(KEYS) do redis.call('ZADD', key, now + ARGV[2], ARGV[1]) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
"""

#: ARGV: most in all. Answers 1 while somebody waits and a place that anybody gave up would let them in.
IS_WANTED = (
    _COMMON
    + """
local most = tonumber(ARGV[1])
local is_full = most > 0 and redis.call('ZCARD', sessions) >= most
return is_full and redis.call('ZCARD', queue) > 0 and 1 or 0
"""
)

#: ARGV: entry, seconds to live, its network, most of a network. Answers 0, or 1 when as many of it wait as may.
#: Nobody who joins comes before somebody who has, though the clock be set back.
JOIN = (
    _COMMON
    + """
local entry, seconds, network, most = unpack(ARGV)
local waiting = 0
for _, other in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
  if string.match(other, '^[^|]*|([^|]*)') == network then waiting = waiting + 1 end
end
if waiting >= tonumber(most) then return 1 end
local last = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
redis.call('ZADD', queue, number(math.max(micros, last and last + 1 or 0)), entry)
redis.call('ZADD', leases, now + seconds, entry)
return 0
"""
)

#: ARGV: server, 1 if it has no room, seconds to live, seconds for which that it has none is believed; then each entry
#: and for how long it has waited (microseconds), so that what Redis has lost comes back to where it was.
#: Answers for each entry how many are before it, and 1 if its turn has come.
LOOK = (
    _COMMON
    + """
local server, is_full, seconds, believed = unpack(ARGV, 1, 4)
for at = 5, #ARGV, 2 do
  redis.call('ZADD', queue, 'NX', number(micros - ARGV[at + 1]), ARGV[at])
  redis.call('ZADD', leases, now + seconds, ARGV[at])
end
if is_full == '1' then redis.call('ZADD', full, now + believed, server) else redis.call('ZREM', full, server) end
local first = is_full == '0' and first_with_room(server)
local answers = {}
for at = 5, #ARGV, 2 do
  answers[#answers + 1] = redis.call('ZRANK', queue, ARGV[at])
  answers[#answers + 1] = ARGV[at] == first and 1 or 0
end
return answers
"""
)
