import { describe, expect, it } from 'vitest';
import type { VolumeAttachment, VolumeType } from '../../../../src/domain/rows.ts';
import { pinObjects } from '../../../../src/rpc/wire/object-pins.ts';
import { listObject, objectFromRow } from '../../../../src/rpc/wire/object-rows.ts';
import { decodeEntity, encodeEntity, newObject } from '../../../../src/rpc/wire/objects.ts';
import { isCinder } from '../../../../src/domain/exceptions.ts';

const attachment: VolumeAttachment = {
  id: 'a',
  volume_id: 'v',
  instance_uuid: null,
  attached_host: 'h',
  mountpoint: '/dev/vdb',
  attach_time: '2026-01-02 03:04:05.678901',
  detach_time: null,
  attach_mode: 'rw',
  attach_status: 'attached',
  connection_info: '{"data": {"export": "s:/x", "size": 1}}',
  connector: '',
  created_at: '2026-01-02 03:04:05.999999',
  updated_at: null,
  deleted_at: null,
  deleted: false,
};

describe('objectFromRow', () => {
  it('makes times short, JSON text JSON, and says nothing of what it does not know', () => {
    const object = objectFromRow('VolumeAttachment', { ...attachment, some_column: 1 });
    expect(object.changes).toStrictEqual([]);
    expect(object.fields).toStrictEqual({
      ...attachment,
      attach_time: '2026-01-02T03:04:05Z',
      created_at: '2026-01-02T03:04:05Z',
      connection_info: { data: { export: 's:/x', size: 1 } },
      connector: null,
    });
  });

  it('has an integer that is NULL as 0, and what is nested', () => {
    const type: VolumeType = {
      id: 't',
      name: 'n',
      description: null,
      is_public: true,
      qos_specs_id: null,
      extra_specs: { a: null },
      created_at: null,
      updated_at: null,
      deleted_at: null,
      deleted: false,
    };
    const object = objectFromRow(
      'Volume',
      { id: 'v', size: null, use_quota: true },
      {
        metadata: { k: 'v' },
        volume_type: objectFromRow('VolumeType', type),
        volume_attachment: listObject('VolumeAttachment', [objectFromRow('VolumeAttachment', attachment)]),
      },
    );
    expect(object.fields['size']).toBe(0);
    expect(decodeEntity('o', encodeEntity(object))).toStrictEqual(object);
  });

  it('refuses a row that its class cannot hold', () => {
    expect(() => objectFromRow('Volume', { id: null })).toThrow('Volume.id: cannot be null');
    expect(() => objectFromRow('VolumeAttachment', { ...attachment, connector: '{' })).toThrow(
      'VolumeAttachment.connector: is not JSON',
    );
    expect(() => objectFromRow('Volume', {}, { volume_attachment: [] })).toThrow('VolumeAttachmentList');
    expect(() => objectFromRow('Nothing', {})).toThrow('Nothing: is not a class');
  });
});

describe('pinObjects', () => {
  const info = newObject('BackupDeviceInfo', {
    volume: newObject('Volume', { id: 'v', use_quota: true }),
    secure_enabled: false,
  });

  it('makes old objects for old receivers, at any depth', () => {
    const [pinned] = pinObjects([info], '1.38') as [typeof info];
    expect(pinned.version).toBe('1.0');
    expect(pinned.fields['volume']).toMatchObject({ version: '1.8', fields: { id: 'v' }, changes: ['id'] });
    expect(pinned.fields['volume']).not.toHaveProperty('fields.use_quota');
  });

  it('changes nothing at our own version, and never ports an object forwards', () => {
    expect(pinObjects(info, '1.39')).toBe(info);
    const old = decodeEntity('o', {
      ...(encodeEntity(objectFromRow('Volume', { id: 'v' })) as object),
      'versioned_object.version': '1.7',
    });
    expect(pinObjects(old, '1.38')).toStrictEqual(old);
  });

  it.each(['1.37', '1.40', '2.0', 'toString', ''])('refuses the unknown version %j', (version) => {
    try {
      pinObjects(info, version);
      expect.unreachable();
    } catch (error) {
      expect(isCinder(error, 'CappedVersionUnknown')).toBe(true);
    }
  });
});
