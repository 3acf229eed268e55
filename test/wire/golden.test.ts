import { describe, expect, it } from 'vitest';
import { isJsonObject } from '../../src/domain/json.ts';
import type { Json, JsonObject } from '../../src/domain/json.ts';
import { decodeContext, encodeContext } from '../../src/rpc/wire/context.ts';
import { buildBody, buildRequest, parseBody, parseRequest } from '../../src/rpc/wire/envelope.ts';
import { buildNotification, parseNotification } from '../../src/rpc/wire/notification.ts';
import { decodeEntity, encodeEntity } from '../../src/rpc/wire/objects.ts';
import { pinObjects } from '../../src/rpc/wire/object-pins.ts';
import { WireObject } from '../../src/rpc/wire/wire-object.ts';
import type { WireValue } from '../../src/rpc/wire/wire-object.ts';
import { capturedMessages } from './captured.ts';

const captured = capturedMessages().map((message) => message['oslo.message']);
const requests = captured.filter((payload) => 'method' in payload);
const notifications = captured.filter((payload) => 'event_type' in payload);

/** The way of a request through this program and out again: nothing may be lost or changed. */
function throughAllLayers(payload: JsonObject): JsonObject {
  const request = parseRequest(parseBody(buildBody(payload)));
  const { request: context, rest } = decodeContext(request.context);
  const args = encodeEntity(decodeEntity('args', request.args)) as JsonObject;
  return parseBody(buildBody(buildRequest({ ...request, args, context: encodeContext(context, rest) })));
}

describe('messages that a Zed cloud sent', () => {
  it('are all here', () => {
    expect(requests).toHaveLength(190);
    expect(notifications).toHaveLength(395);
    expect(requests.length + notifications.length).toBe(captured.length);
  });

  it.each(requests.map((payload, index) => [index, payload['method'], payload] as const))(
    'request %i (%s) is read and written without a difference',
    (_index, _method, payload) => {
      expect(throughAllLayers(payload)).toStrictEqual(payload);
    },
  );

  it('notifications are read and written without a difference', () => {
    for (const payload of notifications) {
      const read = parseNotification(parseBody(buildBody(payload)));
      const { request, rest } = decodeContext(read.context);
      expect(buildNotification({ ...read, context: encodeContext(request, rest) })).toStrictEqual(payload);
    }
  });

  it('hold every object as an object, none as plain data', () => {
    for (const payload of requests) {
      const names = objectNames(payload['args'] ?? null);
      expect(wireObjectNames(decodeEntity('args', payload['args'] ?? null))).toStrictEqual(names);
    }
  });

  it('pin to object map 1.38 without their newer fields, whole otherwise', () => {
    for (const { args = null } of requests) {
      const pinned = encodeEntity(pinObjects(decodeEntity('args', args), '1.38'));
      expect(pinned).toStrictEqual(as138(args));
    }
  });
});

function objectNames(json: Json): string[] {
  if (Array.isArray(json)) return json.flatMap((item: Json) => objectNames(item));
  if (!isJsonObject(json)) return [];
  const name = json['versioned_object.name'];
  return [...(typeof name === 'string' ? [name] : []), ...Object.values(json).flatMap(objectNames)];
}

function wireObjectNames(value: WireValue): string[] {
  if (value instanceof WireObject) return [value.object, ...Object.values(value.fields).flatMap(wireObjectNames)];
  if (Array.isArray(value)) return value.flatMap((item: WireValue) => wireObjectNames(item));
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(wireObjectNames) : [];
}

/** The same by other means: on the JSON itself. */
function as138(json: Json): Json {
  const older: Readonly<Record<string, string>> = { Volume: '1.8', Snapshot: '1.5' };
  return JSON.parse(JSON.stringify(json), (_key, value: Json) => {
    const version = isJsonObject(value) ? older[value['versioned_object.name'] as string] : undefined;
    if (!isJsonObject(value) || version === undefined) return value;
    const { use_quota: _dropped, ...data } = value['versioned_object.data'] as JsonObject;
    return { ...value, 'versioned_object.version': version, 'versioned_object.data': data };
  }) as Json;
}
