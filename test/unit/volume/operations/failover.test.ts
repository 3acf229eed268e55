import { describe, expect, test } from 'vitest';
import { SNAPSHOT, SOURCE, VOLUME, madeVolume, serviceRow, snapshotRow } from './rows.ts';
import { World } from './world.ts';

function world(service: Parameters<typeof serviceRow>[0] = {}): World {
  return new World({
    tables: {
      services: { 7: serviceRow(service) },
      volumes: {
        [VOLUME]: madeVolume({ status: 'in-use', replication_status: 'not-capable' }),
        [SOURCE]: madeVolume({ id: SOURCE, replication_status: 'enabled' }),
      },
      snapshots: { [SNAPSHOT]: snapshotRow({ volume_id: VOLUME }) },
    },
  });
}

const gaveUp = { disabled: true, replication_status: 'failover-error' };

describe('a failover', () => {
  test.each(['failover', 'failover_host'])('%s gives up what is not replicated, and the service', async (method) => {
    const at = await world().carry(method, { secondary_backend_id: 'b' });
    expect(at.db.tables.volumes[VOLUME]).toMatchObject({
      status: 'error',
      previous_status: 'in-use',
      replication_status: 'not-capable',
    });
    expect(at.db.tables.snapshots[SNAPSHOT]?.status).toBe('error');
    expect(at.db.tables.volumes[SOURCE]).toMatchObject({ status: 'available', replication_status: 'enabled' });
    expect(at.db.tables.services[7]).toMatchObject(gaveUp);
    expect(at.locks).toEqual(['aa-failover-ctl@nfs1']);
    expect(at.db.tables.outbox).toEqual([]);
  });

  test('keeps the old status when it is carried on by a successor', async () => {
    const at = world();
    await at.carry('failover', {});
    at.db.tables.entry = { outcome: null, detail: null };
    await at.carry('failover', {});
    expect(at.db.tables.volumes[VOLUME]).toMatchObject({ status: 'error', previous_status: 'in-use' });
  });

  test('the way back leaves volumes as they are', async () => {
    const at = await world().carry('failover', { secondary_backend_id: 'default' });
    expect(at.db.tables.volumes[VOLUME]?.status).toBe('in-use');
    expect(at.db.tables.services[7]).toMatchObject(gaveUp);
  });

  test('of a cluster is written into its row, and told to all members', async () => {
    const at = world({ cluster_name: 'c@nfs1' });
    at.db.tables.clusters['c@nfs1'] = { name: 'c@nfs1' } as never;
    await at.carry('failover', { secondary_backend_id: null });
    expect(at.db.tables.clusters['c@nfs1']).toMatchObject(gaveUp);
    expect(at.db.tables.services[7]?.disabled).toBe(false);
    expect(at.db.tables.outbox).toMatchObject([
      {
        kind: 'fanout',
        topic: 'cinder-volume.c@nfs1.failover_completed',
        payload: { version: '3.8', args: { updates: gaveUp } },
      },
    ]);
  });
});

test('finish_failover writes the row of the service that it names', async () => {
  const at = await world().carry('finish_failover', {
    service: { id: 7 },
    updates: { replication_status: 'enabled', active_backend_id: '', disabled: false },
  });
  expect(at.db.tables.services[7]).toMatchObject({ replication_status: 'enabled', active_backend_id: '' });
});
