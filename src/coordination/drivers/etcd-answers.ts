import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { queueKey, type Contender } from './etcd-requests.ts';

/** One key as etcd's gateway tells of it: numbers of 64 bits are texts, bytes are in base64. */
export interface EtcdKey {
  readonly key: string;
  readonly value: string;
  readonly lease: string;
}

/** What a transaction did and saw. */
export interface TxnAnswer {
  readonly succeeded: boolean;
  /** The keys of each range that was asked for, in the order of asking. */
  readonly ranges: readonly (readonly EtcdKey[])[];
}

/** Fields that are false, zero or empty are left out by the gateway. */
export function txnAnswer(answer: JsonObject): TxnAnswer {
  const ranges = list(answer['responses']).flatMap((one) => {
    const range = object(one)['response_range'];
    return range === undefined ? [] : [keysOf(object(range))];
  });
  return { succeeded: answer['succeeded'] === true, ranges };
}

/** How things stand for one who does not have the lock. */
interface Standing {
  /** The value in the lock's key, if there is one. */
  readonly holder: string | undefined;
  /** Waiters before us. */
  readonly ahead: number;
}

/** What `lookTxn` has found. */
export function standingOf(who: Contender, { ranges }: TxnAnswer): Standing {
  const [lock = [], queue = []] = ranges;
  const place = queue.findIndex(({ key }) => key === queueKey(who));
  return { holder: lock[0]?.value, ahead: place === -1 ? queue.length : place };
}

export function keysOf(range: JsonObject): readonly EtcdKey[] {
  return list(range['kvs']).map((one) => {
    const { key, value, lease } = object(one);
    return { key: text(key), value: text(value), lease: text(lease) };
  });
}

interface EtcdLease {
  readonly id: string;
  /** 0: it has run out, or was revoked. */
  readonly ttlMs: number;
}

/** Of a grant, and, one level deeper, of a keep-alive. */
export function leaseAnswer(answer: JsonObject): EtcdLease {
  const lease = answer['result'] === undefined ? answer : object(answer['result']);
  return { id: text(lease['ID']), ttlMs: Number(text(lease['TTL']) || '0') * 1000 };
}

/** What a line of a watch's stream says: that it watches, that something has happened, or that it watches no more. */
export function watchLine(line: JsonObject): 'watching' | 'event' | 'end' {
  const { events, canceled } = object(line['result']);
  if (line['result'] === undefined || canceled === true) return 'end';
  return list(events).length > 0 ? 'event' : 'watching';
}

function object(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
