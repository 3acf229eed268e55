import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject } from '../../src/domain/json.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { decodeContext, encodeContext } from '../../src/rpc/wire/context.ts';
import { buildBody, buildRequest, parseBody, parseReply, parseRequest } from '../../src/rpc/wire/envelope.ts';
import { RemoteError, decodeFailure } from '../../src/rpc/wire/failure.ts';
import { parseNotification } from '../../src/rpc/wire/notification.ts';
import { decodeEntity, encodeEntity } from '../../src/rpc/wire/objects.ts';
import { WireError } from '../../src/rpc/wire/wire-error.ts';
import { capturedMessages } from './captured.ts';
import { change, mutate } from './mutants.ts';

const MUTATIONS = 5000;
const payloads = capturedMessages().map((message) => message['oslo.message']);
const bodies = payloads.map((payload) => buildBody(payload));

/** Everything that the program reads of a request, written again. */
function readAndWrite(body: Uint8Array): Uint8Array {
  const request = parseRequest(parseBody(body));
  const { request: context, rest } = decodeContext(request.context, new Date(0));
  const args = encodeEntity(decodeEntity('args', request.args)) as JsonObject;
  return buildBody(buildRequest({ ...request, args, context: encodeContext(context, rest) }));
}

/** 'refused', or the result; anything that is thrown and is no WireError fails the test. */
function attempt<T>(read: () => T): T | 'refused' {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    expect(error.message.startsWith(`${error.field}: `)).toBe(true);
    expect(error.message.length).toBeLessThan(600);
    return 'refused';
  }
}

/** What is accepted must be written so that it is read the same again. */
function expectTotal(body: Uint8Array): 'refused' | 'accepted' {
  const once = attempt(() => readAndWrite(body));
  if (once === 'refused') return 'refused';
  // Not by toStrictEqual, which a key named `constructor` confuses.
  deepStrictEqual(parseBody(readAndWrite(once)), parseBody(once));
  return 'accepted';
}

describe('whatever arrives', () => {
  const index = fc.nat({ max: payloads.length - 1 });
  const turns = fc.array(fc.nat({ max: 60 }), { maxLength: 10 });

  it('changed anywhere in its values, a request is read or refused by name', () => {
    const seen = { refused: 0, accepted: 0 };
    const requests = payloads.filter((payload) => 'method' in payload);
    fc.assert(
      fc.property(fc.nat({ max: requests.length - 1 }), turns, change, (at, path, how) => {
        const mutant = mutate(requests[at] ?? {}, path, how);
        if (!isJsonObject(mutant)) return;
        const text = JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(mutant) });
        seen[expectTotal(Buffer.from(text))] += 1;
      }),
      { numRuns: MUTATIONS },
    );
    // A test that only ever saw one of the two would show nothing.
    expect(Math.min(seen.refused, seen.accepted)).toBeGreaterThan(MUTATIONS / 20);
  });

  it('changed in its bytes, or cut, a message is read or refused by name', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(index, flips, fc.option(fc.nat()), (at, changes, cut) => {
        const body = Uint8Array.from(bodies[at] ?? []);
        for (const [offset, byte] of changes) body[offset % body.length] = byte;
        expectTotal(cut === null ? body : body.subarray(0, cut % body.length));
      }),
      { numRuns: MUTATIONS },
    );
  });

  it('any bytes, and any JSON, are read or refused by name by every reader', () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(any, (bytes) => {
        const payload = attempt(() => parseBody(bytes));
        if (payload === 'refused') return;
        for (const read of [parseRequest, parseReply, parseNotification, decodeContext]) attempt(() => read(payload));
        attempt(() => decodeEntity('entity', payload));
      }),
      { numRuns: MUTATIONS },
    );
  });

  it('any failure text is a RemoteError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => decodeFailure(text) instanceof RemoteError),
      { numRuns: 1000 },
    );
  });
});
