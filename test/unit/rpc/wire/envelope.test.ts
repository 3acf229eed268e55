import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/domain/json.ts';
import {
  buildBody,
  buildReply,
  buildRequest,
  parseBody,
  parseReply,
  parseRequest,
} from '../../../../src/rpc/wire/envelope.ts';
import { WireError } from '../../../../src/rpc/wire/wire-error.ts';

const bodyOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('parseBody', () => {
  it('takes the payload out of an envelope, which holds it as text', () => {
    const body = buildBody({ method: 'm' });
    expect(JSON.parse(body.toString())).toStrictEqual({ 'oslo.version': '2.0', 'oslo.message': '{"method":"m"}' });
    expect(parseBody(body)).toStrictEqual({ method: 'm' });
  });

  it('takes a body without an envelope as the payload', () => {
    expect(parseBody(bodyOf({ event_type: 'e', 'oslo.version': '2.0' }))).toStrictEqual({
      event_type: 'e',
      'oslo.version': '2.0',
    });
  });

  it.each(['1.0', '2.1', '3.0', 'two'])('refuses envelope version %s by the name that Python has for it', (version) => {
    const refusal = refusalOf(() => parseBody(bodyOf({ 'oslo.version': version, 'oslo.message': '{}' })));
    expect(refusal).toMatchObject({ field: 'oslo.version', python: { name: 'UnsupportedRpcEnvelopeVersion' } });
  });

  it.each([
    [{ 'oslo.version': 2, 'oslo.message': '{}' }, 'oslo.version: is a number; send a non-empty string'],
    [{ 'oslo.version': '2.0', 'oslo.message': {} }, 'oslo.message: is an object; send a non-empty string'],
    [{ 'oslo.version': '2.0', 'oslo.message': '[]' }, 'oslo.message: is an array; send a JSON object'],
    [{ 'oslo.version': '2.0', 'oslo.message': 'x' }, /^oslo.message: is not JSON/],
    [[], 'body: is an array; send a JSON object'],
  ])('refuses %j', (body, message) => {
    expect(() => parseBody(bodyOf(body))).toThrow(message);
  });
});

describe('parseRequest', () => {
  const call: JsonObject = {
    method: 'create_volume',
    args: { volume: null },
    namespace: 'n',
    version: '3.0',
    _msg_id: 'a'.repeat(32),
    _reply_q: 'reply_b',
    _timeout: 30,
    _unique_id: 'c',
    _context_user_id: 'u',
    _context_roles: ['member'],
  };

  it('reads a call, and writes it as it was', () => {
    const request = parseRequest(call);
    expect(request).toStrictEqual({
      method: 'create_volume',
      args: { volume: null },
      namespace: 'n',
      version: '3.0',
      uniqueId: 'c',
      replyTo: { msgId: 'a'.repeat(32), queue: 'reply_b', callMonitorTimeoutS: 30 },
      context: { user_id: 'u', roles: ['member'] },
    });
    expect(buildRequest(request)).toStrictEqual(call);
  });

  it('takes what a sender may leave out as oslo does', () => {
    expect(parseRequest({ method: 'm' })).toStrictEqual({
      method: 'm',
      args: {},
      version: '1.0',
      namespace: null,
      uniqueId: null,
      replyTo: null,
      context: {},
    });
  });

  it.each([
    [{}, 'method: is missing; send a non-empty string'],
    [{ method: '' }, 'method: is a string; send a non-empty string'],
    [{ method: 'm', args: null }, 'args: is null; send a JSON object'],
    [{ method: 'm', args: [] }, 'args: is an array; send a JSON object'],
    [{ method: 'm', version: 3 }, 'version: is a number; send a string or null'],
    [{ method: 'm', _msg_id: 'x' }, '_reply_q: is missing; send a non-empty string'],
    [{ method: 'm', _msg_id: 'x', _reply_q: 'q', _timeout: '5' }, '_timeout: is a string; send a number or null'],
  ])('refuses %j', (payload, message) => {
    expect(refusalOf(() => parseRequest(payload as JsonObject)).message).toBe(message);
  });
});

describe('replies', () => {
  it('have all five keys', () => {
    const reply = { msgId: 'm', uniqueId: 'u', result: { a: 1 }, failure: null, ending: true };
    expect(buildReply(reply)).toStrictEqual({
      result: { a: 1 },
      failure: null,
      ending: true,
      _msg_id: 'm',
      _unique_id: 'u',
    });
    expect(parseReply(buildReply(reply))).toStrictEqual(reply);
  });

  it('are a heartbeat without `ending`, and a success with an empty failure', () => {
    expect(parseReply({ _msg_id: 'm', failure: '' })).toStrictEqual({
      msgId: 'm',
      uniqueId: null,
      result: null,
      failure: null,
      ending: false,
    });
  });

  it.each([
    [{ ending: true }, '_msg_id'],
    [{ _msg_id: 'm', ending: 'yes' }, 'ending'],
    [{ _msg_id: 'm', failure: {} }, 'failure'],
  ])('refuse %j', (payload, field) => {
    expect(refusalOf(() => parseReply(payload as JsonObject)).field).toBe(field);
  });
});

function refusalOf(act: () => unknown): WireError {
  try {
    act();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error('was not refused');
}
