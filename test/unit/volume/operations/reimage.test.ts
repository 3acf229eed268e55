import { describe, expect, it } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import { OpenStackError } from '../../../../src/openstack/openstack-error.ts';
import { attachmentRow } from '../calls/call-world.ts';
import { IMAGE } from './fake-images.ts';
import { SNAPSHOT, SOURCE, VOLUME, madeVolume, snapshotRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { volume: { id: VOLUME }, image_meta: { id: IMAGE } };
const ofSnapshot = { ...request, image_snap: { id: SNAPSHOT } };

function world(row: Partial<Volume> = {}, options: Partial<WorldOptions> = {}): World {
  const volume = madeVolume({ status: 'downloading', previous_status: 'available', ...row });
  return new World({
    files: { [VOLUME]: 'old', [SOURCE]: 'data' },
    tables: {
      volumes: { [VOLUME]: volume, [SOURCE]: madeVolume({ id: SOURCE }) },
      snapshots: { [SNAPSHOT]: snapshotRow() },
      values: { [`glance ${VOLUME}`]: { image_id: 'old' } },
    },
    ...options,
  });
}

const row = (at: World): Volume | undefined => at.db.tables.volumes[VOLUME];

describe('reimage', () => {
  it('puts the image in the place of what the volume holds, and gives it its status back', async () => {
    const at = await world({ previous_status: 'reserved' }).carry('reimage', request);
    expect(row(at)).toMatchObject({ status: 'reserved', bootable: true });
    expect(at.driver.files.get(VOLUME)).toContain(`image ${IMAGE}`);
    expect(at.db.tables.values[`glance ${VOLUME}`]).toMatchObject({ image_id: IMAGE, os_distro: 'cirros' });
    expect(at.locks).toEqual([`${VOLUME}-delete_volume`, `nfs-${VOLUME}`]);
    expect(at.images.local.size).toBe(0);
  });

  it('takes the data of an image that is a snapshot from that, under its locks, and downloads nothing', async () => {
    const at = await world().carry('reimage', ofSnapshot);
    expect(row(at)).toMatchObject({ status: 'available', bootable: true });
    expect(at.driver.files.get(VOLUME)).toBe(`copy of ${SNAPSHOT}`);
    expect(at.db.tables.values[`glance ${VOLUME}`]).toMatchObject({ image_id: IMAGE });
    expect(at.locks).toEqual([
      `${VOLUME}-delete_volume`,
      `${SNAPSHOT}-delete_snapshot`,
      `nfs-${VOLUME}`,
      `nfs-${SOURCE}`,
    ]);
    expect(at.images.calls).toEqual(['show']);
  });

  it('takes a snapshot of null for none, as newer senders say it', async () => {
    const at = await world().carry('reimage', { ...request, image_snap: null });
    expect(at.driver.files.get(VOLUME)).toContain(`image ${IMAGE}`);
  });

  it.each<[string, (at: World) => void]>([
    [
      'the image is gone',
      (at) => {
        at.images.stored.clear();
      },
    ],
    [
      'it cannot be downloaded',
      (at) => void at.images.failures.set('fetch', new CinderError('ImageTooBig', { image_id: IMAGE, reason: 'x' })),
    ],
    ['it cannot be written', (at) => void at.driver.fails.set('image.write', new CinderError('NfsException', {}))],
  ])('ends in error, and tells the user, where %s', async (_what, fail) => {
    const at = world();
    fail(at);
    await at.carry('reimage', request);
    expect(row(at)).toMatchObject({ status: 'error', previous_status: 'downloading' });
    expect(at.db.tables.messages).toMatchObject([{ resource_uuid: VOLUME, action_id: '016' }]);
    expect(at.db.tables.values[`glance ${VOLUME}`]).toEqual({ image_id: 'old' });
  });

  it.each<[string, (at: World) => void, string]>([
    ['is gone', (at) => void (at.db.tables.snapshots = {}), 'could not be found'],
    [
      'lies on another backend',
      (at) => void (at.db.tables.volumes[SOURCE] = madeVolume({ id: SOURCE, host: 'ctl@other#pool' })),
      'does not lie on',
    ],
  ])('keeps the old content where the snapshot %s', async (_what, change, why) => {
    const at = world();
    change(at);
    await at.carry('reimage', ofSnapshot);
    expect(row(at)).toMatchObject({ status: 'error' });
    expect(at.db.tables.entry.detail).toContain(why);
    expect(at.driver.files.get(VOLUME)).toBe('old');
  });

  describe('of a server that is being rebuilt', () => {
    const waiting = (): World => {
      const at = world({ previous_status: 'reserved' });
      at.db.tables.attachments = { a: attachmentRow(), b: attachmentRow({ id: 'b', instance_uuid: null }) };
      return at;
    };

    it('tells Nova once the volume is reserved again', async () => {
      const at = waiting();
      const seen: unknown[] = [];
      at.volumeReimaged = (done) => Promise.resolve(void seen.push([done, row(at)?.status, row(at)?.bootable]));
      await at.carry('reimage', request);
      expect(seen).toEqual([[{ serverId: attachmentRow().instance_uuid, volumeId: VOLUME }, 'reserved', true]]);
      expect(at.db.tables.entry.outcome).toBe('done');
    });

    it('tells it again, and does nothing else again, where no answer came', async () => {
      const at = waiting();
      let calls = 0;
      at.volumeReimaged = () => {
        calls += 1;
        return calls > 1 ? Promise.resolve() : Promise.reject(new OpenStackError('no answer', { outcome: 'unknown' }));
      };
      await at.carry('reimage', request);
      expect([calls, at.attempts, at.db.tables.entry.outcome]).toEqual([2, 2, 'done']);
      expect(at.images.calls.filter((call) => call === 'show')).toHaveLength(1);
      expect(at.db.tables.messages).toEqual([]);
    });

    it('tells the user what Nova has refused; the volume has its new image all the same', async () => {
      const at = waiting();
      at.volumeReimaged = () => Promise.reject(new OpenStackError('HTTP 404', { outcome: 'failed' }));
      await at.carry('reimage', request);
      expect(row(at)).toMatchObject({ status: 'reserved', bootable: true });
      expect(at.db.tables.messages).toMatchObject([{ resource_uuid: VOLUME, action_id: '016' }]);
      expect(at.db.tables.entry.outcome).toBe('done');
    });

    it('is none of ours where the volume is reserved and nothing was noted', async () => {
      const at = waiting();
      at.db.tables.volumes[VOLUME] = madeVolume({ status: 'reserved' });
      await at.carry('reimage', request);
      expect([at.told, at.driver.calls, row(at)?.status]).toEqual([[], [], 'reserved']);
    });
  });

  it('leaves alone what is not to be reimaged (any more)', async () => {
    const at = await world({ status: 'available' }).carry('reimage', request);
    expect([at.idle, at.driver.calls]).toEqual(['the volume is available', []]);
  });
});
