import { createHash } from 'node:crypto';
import type { RedisSpec } from '../backend-spec.ts';

/** What Redis runs in one step. A server that has seen it before is told only its digest. */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

const script = (text: string): RedisScript => ({ text, sha: createHash('sha1').update(text).digest('hex') });

/*
 * What is asked of Redis, each in one step. KEYS are a lock's keys and last the key of its queue: a list of those who
 * wait, in the order in which they came. Each of them has a place beside it, a key that lives for a short time unless
 * its owner asks again, so that whoever has died leaves nothing behind. Python knows nothing of the queue.
 */

/** Milliseconds for which a place in the queue is kept for one who does not ask. */
const stayMs = 2_000;
/** The lock is free, and the first in the queue does not take it: so much longer it stays the first. */
const graceMs = 300;

const names = 'local queue, locks = KEYS[#KEYS], #KEYS - 1';

const places = `
local function place(who) return queue .. '/' .. who end
local function leave(who)
  if redis.call('del', place(who)) == 1 then redis.call('lrem', queue, 0, who) end
end
local function first()
  local who = redis.call('lindex', queue, 0)
  while who and redis.call('exists', place(who)) == 0 do
    redis.call('lpop', queue)
    who = redis.call('lindex', queue, 0)
  end
  return who
end`;

/** What `takeScript` says. */
export const taken = 2;
export const firstInQueue = 1;

/**
 * ARGV: the token, the lock's time to live, who asks, whether to wait (1) or not (0). All keys or none, for the first
 * in the queue or where nobody waits. A key that already has our token counts as won: the answer to an earlier try may
 * have been lost on the way. Whoever waits and does not get it joins the queue, or keeps the place there.
 */
export const takeScript = script(`${names}
local token, ttl, me = ARGV[1], ARGV[2], ARGV[3]
local function take()
  for i = 1, locks do redis.call('set', KEYS[i], token, 'px', ttl) end
  return ${taken}
end
if redis.call('exists', unpack(KEYS)) == 0 then return take() end
${places}
local theirs, ours = false, false
for i = 1, locks do
  local owner = redis.call('get', KEYS[i])
  if owner == token then ours = true elseif owner then theirs = true end
end
local head = first()
if not theirs and (ours or not head or head == me) then
  leave(me)
  return take()
end
if not theirs and redis.call('pttl', place(head)) > ${graceMs} then redis.call('pexpire', place(head), ${graceMs}) end
if ARGV[4] == '0' then return 0 end
if redis.call('exists', place(me)) == 0 then
  redis.call('lrem', queue, 0, me)
  redis.call('rpush', queue, me)
end
redis.call('set', place(me), '', 'px', ${stayMs})
redis.call('pexpire', queue, ${stayMs})
if first() == me then return ${firstInQueue} end
return 0`);

/**
 * ARGV: the token, who had or wanted the lock, where calls go, what the next is told. Deletes what is ours and nothing
 * else, and calls the first in the queue if the lock is free; returns how many keys were ours. Redis may not allow us
 * to call (an ACL): the lock is given back all the same, and the next finds it by asking.
 */
export const releaseScript = script(`${names}
local mine, free = {}, true
for i = 1, locks do
  local owner = redis.call('get', KEYS[i])
  if owner == ARGV[1] then mine[#mine + 1] = KEYS[i] elseif owner then free = false end
end
local ours = #mine > 0 and redis.call('del', unpack(mine)) or 0
if redis.call('exists', queue) == 0 then return ours end
${places}
leave(ARGV[2])
local head = free and first()
if head then redis.pcall('publish', ARGV[3] .. string.match(head, '^[^/]*'), head .. ' ' .. ARGV[4]) end
return ours`);

/** ARGV: the token, the time to live. 1 if every key was still ours and lives on; one that is gone is not set again. */
export const renewScript = script(`
for i = 1, #KEYS - 1 do
  if redis.call('get', KEYS[i]) ~= ARGV[1] then return 0 end
end
for i = 1, #KEYS - 1 do redis.call('pexpire', KEYS[i], ARGV[2]) end
return 1`);

/** How many wait. */
export const waitersScript = script(`${names}
${places}
local waiters = 0
for _, who in ipairs(redis.call('lrange', queue, 0, -1)) do waiters = waiters + redis.call('exists', place(who)) end
return waiters`);

type Spelling = Pick<RedisSpec, 'namespace' | 'keyForm'>;

/**
 * Tooz's keys for a wire name. Releases before 9 formatted bytes into the key, `b'…'` and all; that is their format.
 */
export function redisKeys({ namespace, keyForm }: Spelling, wireName: string): readonly string[] {
  const oldKey = `b'${namespace}'_b'${wireName}'_lock`;
  const newKey = `${namespace}_${wireName}_lock`;
  return keyForm === 'both' ? [oldKey, newKey] : [keyForm === 'old' ? oldKey : newKey];
}

/** Ours alone, and within the keys that an ACL for Tooz allows. */
export const queueKey = ({ namespace }: Spelling, wireName: string): string => `${namespace}_aa_queue:${wireName}`;

/** The channel on which a client is called begins so, and ends with its id. */
export const callPrefix = ({ namespace }: Spelling): string => `${namespace}_aa_call:`;
