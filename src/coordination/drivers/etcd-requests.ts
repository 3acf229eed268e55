import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../../domain/json.ts';

/** Tooz writes no slash between this and the name; that is its format. */
const lockPrefix = '/tooz/locks';

/** Ours alone: who waits, below the lock's wire name, in the order in which they came. Python does not look at it. */
const queuePrefix = '/cinder-volume-aa/queue/';

/** Of a longer queue the end needs no exact place. */
const longestQueue = 100;

/** A lock's key and what is in it while it is ours: what Tooz writes, sixteen random bytes, in base64. */
export interface EtcdLockKey {
  readonly wireName: string;
  readonly value: string;
}

/** One who wants a lock. */
export interface Contender extends EtcdLockKey {
  readonly memberId: string;
}

/** Tooz's value is a random uuid's sixteen bytes, the seventh of which tells its version. */
const versionAt = 6;
export const isPythons = (value: string): boolean => ((Buffer.from(value, 'base64')[versionAt] ?? 0) & 0xf0) === 0x40;

/** As random, and told apart. */
export function newValue(): string {
  const value = randomBytes(16);
  value[versionAt] = 0;
  return value.toString('base64');
}

/** A read that needs no other right than that to locks. */
export const anything: JsonObject = { key: base64(lockPrefix), keys_only: true };
/** Every key of a lock that cinder takes. */
export const allLocks: JsonObject = prefix(`${lockPrefix}cinder-`);
/** Every place in a queue. */
export const allWaiters: JsonObject = { ...prefix(`${queuePrefix}cinder-`), keys_only: true };

export const lockKey = (wireName: string): string => base64(lockPrefix + wireName);
export const queueKey = ({ wireName, value }: Contender): string =>
  base64(`${queuePrefix}${wireName}/${Buffer.from(value, 'base64').toString('hex')}`);

/** The wire name in a lock's key, and in that of a place in its queue. */
export const nameOfLock = (key: string): string => plain(key).slice(lockPrefix.length);
export const nameOfWaiter = (key: string): string => plain(key).slice(queuePrefix.length).split('/')[0] ?? '';

/** `in turn`: although others wait. `at once`: without joining the queue. */
export type HowToTake = 'queueing' | 'in turn' | 'at once';

/**
 * Takes the lock if it is free; otherwise joins the queue, or keeps the place there, and tells who holds the lock and
 * who waits. The first comparison and the key are Tooz's.
 */
export function takeTxn(who: Contender, lease: string, how: HowToTake): JsonObject {
  const key = lockKey(who.wireName);
  const place = queueKey(who);
  return {
    compare: [absent({ key }), ...(how === 'in turn' ? [] : [absent(queueOf(who.wireName))])],
    success: [{ request_put: { key, value: who.value, lease } }, { request_delete_range: { key: place } }],
    failure: [
      ...(how === 'at once' ? [] : [{ request_put: { key: place, value: base64(who.memberId), lease } }]),
      ...looks(who.wireName),
    ],
  };
}

/** Who holds the lock and who waits, without a change. */
export const lookTxn = ({ wireName }: Contender): JsonObject => ({
  compare: [],
  success: looks(wireName),
  failure: [],
});

/** Deletes the key if it is ours, as Tooz does. */
export function releaseTxn({ wireName, value }: Contender): JsonObject {
  const key = lockKey(wireName);
  return { compare: [owned(key, value)], success: [{ request_delete_range: { key } }], failure: [] };
}

/** Succeeds if the key is ours. */
export const checkTxn = ({ wireName, value }: EtcdLockKey): JsonObject => ({
  compare: [owned(lockKey(wireName), value)],
  success: [],
  failure: [],
});

/** Whatever happens to the lock's key from now on. */
export const changesOf = (wireName: string): JsonObject => ({ create_request: { key: lockKey(wireName) } });

function looks(wireName: string): JsonObject[] {
  const inOrder = { sort_order: 'ASCEND', sort_target: 'CREATE', limit: longestQueue, keys_only: true };
  return [{ request_range: { key: lockKey(wireName) } }, { request_range: { ...queueOf(wireName), ...inOrder } }];
}

/** True of a range if none of its keys exists. */
const absent = (range: JsonObject): JsonObject => ({
  ...range,
  target: 'CREATE',
  result: 'EQUAL',
  create_revision: '0',
});

const owned = (key: string, value: string): JsonObject => ({ key, target: 'VALUE', result: 'EQUAL', value });

const queueOf = (wireName: string): JsonObject => prefix(`${queuePrefix}${wireName}/`);

/** All keys that begin so: up to the same text with its last byte one larger. */
function prefix(start: string): JsonObject {
  const end = Buffer.from(start, 'utf8');
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return { key: base64(start), range_end: end.toString('base64') };
}

const plain = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
