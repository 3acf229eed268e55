import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../../src/domain/json.ts';
import { decodeEntity, encodeEntity, newObject, withFields } from '../../../../src/rpc/wire/objects.ts';
import { WireError } from '../../../../src/rpc/wire/wire-error.ts';
import { WireObject, isWireObject, toPlain } from '../../../../src/rpc/wire/wire-object.ts';

const primitive = (name: string, data: JsonObject, version = '1.9', more: JsonObject = {}): JsonObject => ({
  'versioned_object.name': name,
  'versioned_object.namespace': 'cinder',
  'versioned_object.version': version,
  'versioned_object.data': data,
  ...more,
});
const volume = (data: JsonObject, version?: string): JsonObject =>
  primitive('Volume', { use_quota: true, ...data }, version);

function decodeObject(json: Json): WireObject {
  const value = decodeEntity('o', json);
  if (value instanceof WireObject) return value;
  throw new Error('not an object');
}

function refusalOf(act: () => unknown): WireError {
  try {
    act();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('decodeEntity', () => {
  it('finds objects at any depth of plain data', () => {
    const value = decodeEntity('args', { list: [{ deep: volume({ id: 'v' }) }], plain: { name: 'x' } });
    expect(value).toStrictEqual({
      list: [{ deep: new WireObject('Volume', '1.9', { use_quota: true, id: 'v' }, []) }],
      plain: { name: 'x' },
    });
  });

  it('keeps the version and the changes of the sender; unknown keys and changes of what is not set are dropped', () => {
    const json = primitive('Volume', { id: 'v', use_quota: false, zzz: 1 }, '1.8', {
      'versioned_object.changes': ['id', 'zzz', 'size'],
      'other.key': 7,
    });
    const object = decodeObject(json);
    expect(object).toStrictEqual(new WireObject('Volume', '1.8', { id: 'v', use_quota: false }, ['id']));
    expect(encodeEntity(object)).toStrictEqual(
      primitive('Volume', { id: 'v', use_quota: false }, '1.8', { 'versioned_object.changes': ['id'] }),
    );
  });

  it('takes the third part of a version for no difference', () => {
    expect(decodeObject(volume({}, '1.9.3')).version).toBe('1.9');
  });

  it.each(['1.10', '2.0', '0.9', '1', 'x', '1.10.1'])('refuses version %s of Volume as Python does', (version) => {
    expect(refusalOf(() => decodeObject(volume({}, version)))).toMatchObject({
      message: `o: Version ${version} of Volume is not supported, supported version is 1.9`,
      python: { name: 'IncompatibleObjectVersion', module: 'oslo_versionedobjects.exception' },
    });
  });

  it.each([
    [{ 'versioned_object.name': 'Server' }, 'Unsupported object type Server'],
    [{ 'versioned_object.name': 'toString' }, 'Unsupported object type toString'],
    [{ 'versioned_object.namespace': 'nova' }, 'Unsupported object type nova.Volume'],
  ])('refuses %j', (change, message) => {
    expect(refusalOf(() => decodeObject({ ...volume({}), ...change }))).toMatchObject({
      message: `o: ${message}`,
      python: { name: 'UnsupportedObjectError' },
    });
  });

  it.each([
    [{ 'versioned_object.name': null }, 'o.versioned_object.name: is null'],
    [{ 'versioned_object.version': 1.9 }, 'o.versioned_object.version: is a number'],
    [{ 'versioned_object.data': [] }, 'o.versioned_object.data: is an array'],
    [{ 'versioned_object.changes': 'id' }, 'o.versioned_object.changes: is a string'],
    [{ 'versioned_object.changes': [1] }, 'o.versioned_object.changes: is an array'],
  ])('refuses %j', (change, message) => {
    expect(() => decodeObject({ ...volume({}), ...change })).toThrow(message);
  });

  it.each<[string, Json, Json]>([
    ['size', '12', 12],
    ['size', ' -3 ', -3],
    ['size', 1.9, 1],
    ['size', -0.5, 0],
    ['size', true, 1],
    ['size', null, null],
    ['bootable', 'False', true],
    ['bootable', '', false],
    ['bootable', [], false],
    ['bootable', {}, false],
    ['bootable', 0, false],
    ['display_name', 5, '5'],
    ['display_name', false, 'False'],
    ['id', 'not a uuid', 'not a uuid'],
    ['created_at', '2026-01-02T03:04:05.678901+02:00', '2026-01-02T01:04:05Z'],
    ['metadata', { a: 1, b: 'c' }, { a: '1', b: 'c' }],
    ['attach_status', 'detached', 'detached'],
    ['volume_type', null, null],
  ])('makes of %s = %j what Python makes of it', (field, sent, kept) => {
    const object = decodeObject(volume({ [field]: sent }));
    expect(object.fields[field]).toStrictEqual(kept);
  });

  it.each<[string, Json, string]>([
    ['id', null, 'o.id: cannot be null; send a value'],
    ['id', {}, 'o.id: is an object that does not fit; send a string'],
    ['size', 'big', 'o.size: is a string that does not fit; send an integer within ±2^53'],
    ['size', 1e300, 'o.size: is a number that does not fit; send an integer within ±2^53'],
    ['size', [1], 'o.size: is an array that does not fit'],
    ['created_at', 7, 'o.created_at: is a number that does not fit; send a time'],
    ['created_at', 'soon', 'o.created_at: is not a time'],
    ['metadata', { a: null }, 'o.metadata.a: is null that does not fit; send a string'],
    ['metadata', [], 'o.metadata: is an array that does not fit'],
    ['attach_status', 'gone', 'o.attach_status: is a string that does not fit; send one of attached, attaching'],
    ['volume_type', {}, 'o.volume_type: is an object; send a VolumeType object'],
    ['volume_type', volume({}), 'o.volume_type: is Volume; send a VolumeType object'],
  ])('refuses %s = %j', (field, sent, message) => {
    expect(refusalOf(() => decodeObject(volume({ [field]: sent }))).message).toContain(message);
  });

  it('checks the items of lists, and names the one at fault', () => {
    const item = primitive('VolumeAttachment', { id: 'a', volume_id: null }, '1.3');
    const list = primitive('VolumeAttachmentList', { objects: [item] }, '1.1');
    expect(() => decodeObject(volume({ volume_attachment: list }))).toThrow(
      'o.volume_attachment.objects[0].volume_id: cannot be null',
    );
    expect(() => decodeObject(primitive('VolumeList', { objects: [null] }, '1.1'))).toThrow(
      'o.objects[0]: is null; send a Volume object',
    );
    expect(() => decodeObject(primitive('VolumeList', { objects: {} }, '1.1'))).toThrow('o.objects: is an object');
  });

  it('takes a list without items for an empty one', () => {
    expect(decodeObject(primitive('VolumeList', {}, '1.1')).fields).toStrictEqual({ objects: [] });
  });

  it('takes a null in a field that cannot be null for its default', () => {
    expect(decodeObject(primitive('Cluster', { num_hosts: null, frozen: null }, '1.1')).fields).toStrictEqual({
      num_hosts: 0,
      frozen: false,
    });
  });

  it.each<[string, JsonObject, boolean]>([
    ['Volume', {}, true],
    ['Volume', { use_quota: null }, true],
    ['Volume', { migration_status: 'target:v' }, false],
    ['Volume', { admin_metadata: { temporary: 'True' } }, false],
    ['Volume', { admin_metadata: { temporary: 'true' }, migration_status: null }, true],
    ['Volume', { use_quota: true, migration_status: 'target:v' }, true],
    ['Snapshot', {}, true],
    ['Snapshot', { use_quota: null }, true],
    ['Snapshot', { use_quota: false }, false],
  ])('knows whether quota counts: %s %j is %s', (name, data, counts) => {
    expect(decodeObject(primitive(name, data, '1.5')).fields['use_quota']).toBe(counts);
  });

  it('is not led astray by keys that are names of inherited properties', () => {
    const data = JSON.parse(
      '{"use_quota":true,"__proto__":{"id":"v"},"constructor":1,"metadata":{"__proto__":"x"}}',
    ) as JsonObject;
    const object = decodeObject(primitive('Volume', data));
    expect(Object.keys(object.fields)).toStrictEqual(['use_quota', 'metadata']);
    expect(JSON.stringify(object.fields['metadata'])).toBe('{"__proto__":"x"}');
  });
});

describe('newObject', () => {
  it('has our version, and everything changed', () => {
    const levels = newObject('LogLevelList', { objects: [newObject('LogLevel', { prefix: 'p', level: 'INFO' })] });
    expect(encodeEntity(levels)).toStrictEqual(
      primitive(
        'LogLevelList',
        {
          objects: [
            primitive('LogLevel', { prefix: 'p', level: 'INFO' }, '1.0', {
              'versioned_object.changes': ['prefix', 'level'],
            }),
          ],
        },
        '1.0',
        { 'versioned_object.changes': ['objects'] },
      ),
    );
  });

  it('refuses what is no field or no class', () => {
    expect(() => newObject('LogLevel', { name: 'x' })).toThrow('LogLevel.name: is not a field of LogLevel');
    expect(() => newObject('Logs', {})).toThrow('Unsupported object type Logs');
  });
});

describe('withFields', () => {
  it('changes a copy, whose version stays', () => {
    const before = decodeObject(volume({ id: 'v', host: 'h' }, '1.8'));
    const after = withFields(before, { host: null });
    expect(after).toMatchObject({ version: '1.8', fields: { id: 'v', host: null }, changes: ['host'] });
    expect(before).toMatchObject({ fields: { host: 'h' }, changes: [] });
    expect(withFields(after, { host: 'i', status: 'x' }).changes).toStrictEqual(['host', 'status']);
    expect(() => withFields(before, { size: 'x' })).toThrow('Volume.size');
  });

  it('tells classes apart', () => {
    expect(isWireObject(newObject('LogLevel', {}), 'LogLevel')).toBe(true);
    expect(isWireObject(newObject('LogLevel', {}), 'Volume')).toBe(false);
    expect(isWireObject({ object: 'Volume' }, 'Volume')).toBe(false);
  });
});

describe('toPlain', () => {
  it('leaves of each object its fields, at any depth', () => {
    const list = newObject('VolumeList', { objects: [newObject('Volume', { id: 'v', metadata: { a: 'b' } })] });
    expect(toPlain({ list, other: [1, null] })).toStrictEqual({
      list: { objects: [{ id: 'v', metadata: { a: 'b' } }] },
      other: [1, null],
    });
  });
});
