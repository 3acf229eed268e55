import { describe, expect, it } from 'vitest';
import type { Repositories } from '../../../src/db/database.ts';
import type { NewEntry } from '../../../src/db/ports/custody.ts';
import type { WorkerRow } from '../../../src/db/ports/resources.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { cleanUp, type CleanupRequest } from '../../../src/volume/cleanup.ts';
import { FakeResources } from '../../support/fake-resources.ts';
import type { Tables } from '../../support/fake-resources/tables.ts';
import { HOST, SNAPSHOT, SOURCE, VOLUME, madeVolume, snapshotRow, volumeRow } from './operations/rows.ts';

const TOUCHED = '2026-01-01 10:00:00.500000';

function worker(resource_type: string, resource_id: string, status: string): WorkerRow {
  return { id: 1, resource_type, resource_id, status, service_id: 3, updated_at: TOUCHED, race_preventer: 2 };
}

async function cleaned(
  row: WorkerRow,
  tables: Partial<Tables>,
  options: { request?: Partial<CleanupRequest>; carried?: readonly object[] } = {},
): Promise<{ entries: readonly NewEntry[]; dropped: readonly WorkerRow[]; db: FakeResources }> {
  const resources = new FakeResources(tables);
  const entries: NewEntry[] = [];
  const dropped: WorkerRow[] = [];
  const { volumes, snapshots } = resources.statements;
  const workers = {
    ofService: (id: number) => Promise.resolve(id === row.service_id ? [row] : []),
    dropStale: (stale: WorkerRow) => Promise.resolve(void dropped.push(stale)),
  };
  const journal = { unfinished: () => Promise.resolve(options.carried ?? []) };
  const db = { volumes, snapshots, workers, journal } as unknown as Repositories;
  await cleanUp(
    { service_id: 3, ...options.request },
    {
      db,
      backend: { workOf: HOST, host: HOST, cluster: null },
      takeUp: (taken) => Promise.resolve(entries.push(...taken)),
      context: { request_id: 'req-clean' },
      log: silentLogger,
    },
  );
  return { entries, dropped, db: resources };
}

const creating = { volumes: { [VOLUME]: volumeRow({ snapshot_id: SNAPSHOT }) } };

describe('what a dead service has left', () => {
  it.each<[string, WorkerRow, Partial<Tables>, object]>([
    [
      'a volume that was being made, of what its row names',
      worker('Volume', VOLUME, 'creating'),
      creating,
      { method: 'create_volume', resourceId: VOLUME, args: { volume: { snapshot_id: SNAPSHOT } } },
    ],
    [
      'a volume that was being deleted',
      worker('Volume', VOLUME, 'deleting'),
      { volumes: { [VOLUME]: madeVolume({ status: 'deleting' }) } },
      { method: 'delete_volume', args: { cascade: true } },
    ],
    [
      'a snapshot that was being made',
      worker('Snapshot', SNAPSHOT, 'creating'),
      {
        snapshots: { [SNAPSHOT]: snapshotRow({ status: 'creating' }) },
        volumes: { [SOURCE]: madeVolume({ id: SOURCE }) },
      },
      { method: 'create_snapshot', resourceType: 'Snapshot', resourceId: SNAPSHOT },
    ],
  ])('is carried on: %s', async (_what, row, tables, expected) => {
    const { entries, dropped } = await cleaned(row, tables);
    expect(entries).toMatchObject([
      { ...expected, origin: 'peer', backend: HOST, context: { request_id: 'req-clean' } },
    ]);
    expect(dropped).toEqual([]);
  });

  it('is one entry, however often and by whomever it is asked for, until the row is touched', async () => {
    const row = worker('Volume', VOLUME, 'creating');
    const [once] = (await cleaned(row, creating)).entries;
    const [again] = (await cleaned(row, creating)).entries;
    const [touched] = (await cleaned({ ...row, race_preventer: 3 }, creating)).entries;
    expect(once?.uniqueId).toBe(again?.uniqueId);
    expect(touched?.uniqueId).not.toBe(once?.uniqueId);
  });

  it('does not say that a volume without a source is to be empty: its request may have named an image', async () => {
    const { entries } = await cleaned(worker('Volume', VOLUME, 'creating'), { volumes: { [VOLUME]: volumeRow() } });
    expect(entries[0]?.args).not.toHaveProperty('request_spec');
  });

  it('ends a download, which nobody can carry on', async () => {
    const tables = { volumes: { [VOLUME]: volumeRow({ status: 'downloading' }) } };
    const { entries, dropped, db } = await cleaned(worker('Volume', VOLUME, 'downloading'), tables);
    expect(db.tables.volumes[VOLUME]?.status).toBe('error');
    expect([entries.length, dropped.length]).toEqual([0, 1]);
  });

  it.each<[string, WorkerRow, Partial<Tables>]>([
    ['is gone', worker('Volume', VOLUME, 'creating'), {}],
    ['has another status', worker('Volume', VOLUME, 'creating'), { volumes: { [VOLUME]: madeVolume() } }],
    ['is a snapshot that is gone', worker('Snapshot', SNAPSHOT, 'creating'), {}],
  ])('is over where the resource %s: the row goes', async (_what, row, tables) => {
    const { entries, dropped } = await cleaned(row, tables);
    expect([entries, dropped]).toEqual([[], [row]]);
  });

  it.each<[string, Parameters<typeof cleaned>[2], Partial<Tables>]>([
    ['an entry of ours carries it', { carried: [{ resourceType: 'Volume', resourceId: VOLUME }] }, creating],
    ['it lies elsewhere', {}, { volumes: { [VOLUME]: volumeRow({ host: 'x@y#z' }) } }],
    ['it was touched later', { request: { until: '2026-01-01T10:00:00Z' } }, creating],
    ['another resource is meant', { request: { resource_id: SOURCE } }, creating],
    ['another kind is meant', { request: { resource_type: 'Snapshot' } }, creating],
    ['another service is meant', { request: { service_id: 4 } }, creating],
  ])('is left alone where %s', async (_what, options, tables) => {
    const { entries, dropped } = await cleaned(worker('Volume', VOLUME, 'creating'), tables, options);
    expect([entries, dropped]).toEqual([[], []]);
  });

  it('is meant where it was touched before, of this kind, and this one', async () => {
    const request = { until: '2026-01-01T10:00:01Z', resource_type: 'Volume', resource_id: VOLUME };
    expect((await cleaned(worker('Volume', VOLUME, 'creating'), creating, { request })).entries).toHaveLength(1);
  });
});
