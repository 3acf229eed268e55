import fc from 'fast-check';
import { isJsonObject, type Json, type JsonObject } from '../../../src/domain/json.ts';
import { capturedMessages } from '../../wire/captured.ts';
import { change, mutate } from '../../wire/mutants.ts';

/** Requests of a real cloud, each with ids of its own, and what can be wrong with them. */
const requests = capturedMessages()
  .map((message) => message['oslo.message'])
  .filter((payload) => 'method' in payload);

const hostileBytes: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
  fc.constant(Buffer.from('['.repeat(50_000))),
  fc.constant(Buffer.from(`{"a":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_001)}`)),
);

/** A value in the place of another one, to which the reader must not be blind. */
const oddFields: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.constantFrom('', '1', '3', '3.99', '4.0', '-1.0', 'x.y', '3.0.0').map((version) => ({ version })),
  fc
    .constantFrom(
      '',
      '__init__',
      '_aa_self_probe',
      'constructor',
      'no_such_method',
      'delete_volume\\u0000',
      'x'.repeat(3000),
    )
    .map((method) => ({ method })),
  fc.constantFrom<JsonObject>(
    { args: [] },
    { args: 'x' },
    { namespace: 'n' },
    { _context_user_id: { a: 1 } },
    { _context_roles: 7 },
    { _unique_id: 5 },
    { _reply_q: '' },
  ),
  fc.constant({ further: 'x'.repeat(1_000_000) }),
);

/** The object's version in the arguments is one of a release to come. */
function fromTheFuture(json: Json): Json {
  if (Array.isArray(json)) return json.map(fromTheFuture);
  if (!isJsonObject(json)) return json;
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [
      key,
      key === 'versioned_object.version' ? '99.1' : fromTheFuture(value),
    ]),
  );
}

export interface ReplyTo {
  readonly queue: string;
  /** A fresh id for each message. */
  readonly newId: () => string;
}

/** The same messages for the same seed, but for their ids. */
export function malformedMessages(count: number, seed: number, reply: ReplyTo): readonly Buffer[] {
  const turns = fc.array(fc.nat({ max: 60 }), { maxLength: 10 });
  const base = fc.nat({ max: requests.length - 1 }).map((at) => addressed(requests[at] ?? {}, reply));
  const asText = (payload: Json): string =>
    JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(payload) });
  const changed = fc.tuple(base, turns, change).map(([payload, path, how]) => asText(mutate(payload, path, how)));
  const odd = fc.tuple(base, oddFields).map(([payload, fields]) => asText({ ...payload, ...fields }));
  const future = base.map((payload) => asText(fromTheFuture(payload)));
  const cut = fc.tuple(base, fc.nat()).map(([payload, at]) => asText(payload).slice(0, at % asText(payload).length));
  const envelope = base.map((payload) =>
    JSON.stringify({ 'oslo.version': '9.0', 'oslo.message': JSON.stringify(payload) }),
  );
  const text = fc.oneof({ weight: 8, arbitrary: changed }, { weight: 3, arbitrary: odd }, future, cut, envelope);
  const bytes = fc.oneof({ weight: 12, arbitrary: text.map((one) => Buffer.from(one)) }, hostileBytes);
  return fc.sample(bytes, { numRuns: count, seed });
}

/** Answers come to us, also those to what was sent as a cast. */
function addressed(payload: JsonObject, { queue, newId }: ReplyTo): JsonObject {
  return { ...payload, _unique_id: newId(), _msg_id: newId(), _reply_q: queue, _timeout: null };
}
