import type { Repositories } from '../../../src/db/database.ts';
import type { VolumeFilter } from '../../../src/db/ports/resources.ts';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import { isAsExpected } from '../as-expected.ts';
import type { Run } from './server.ts';

export function resources(
  run: Run,
): Pick<Repositories, 'volumes' | 'snapshots' | 'workers' | 'groups' | 'groupSnapshots'> {
  const volumes: Partial<Repositories['volumes']> = {
    get: (id) => run('volumes.get', (tables) => tables.volumes.get(id) ?? null),
    create: (row) => run('volumes.create', (tables) => void tables.volumes.set(row.id, row as Volume)),
    update: (id, changes, expected = {}) =>
      run('volumes.update', (tables) => {
        const row = tables.volumes.get(id);
        if (row === undefined || !isAsExpected(row, expected)) return 0;
        tables.volumes.set(id, { ...row, ...(changes as Partial<Volume>) });
        return 1;
      }),
    list: (filter) => run('volumes.list', (tables) => page([...tables.volumes.values()], filter)),
  };
  const snapshots: Partial<Repositories['snapshots']> = {
    create: (row) => run('snapshots.create', (tables) => void tables.snapshots.set(row.id, row as Snapshot)),
    ofVolume: (volumeId) =>
      run('snapshots.ofVolume', (tables) => [...tables.snapshots.values()].filter((row) => row.volume_id === volumeId)),
    list: (filter) => run('snapshots.list', (tables) => page([...tables.snapshots.values()], filter)),
  };
  const workers: Partial<Repositories['workers']> = {
    find: (resource_type, resource_id) =>
      run('workers.find', ({ workers: rows }) => {
        const status = rows.get(resource_id);
        if (status === undefined) return null;
        return { id: 1, resource_type, resource_id, status, service_id: null, updated_at: '', race_preventer: 0 };
      }),
    drop: (_type, id) => run('workers.drop', (tables) => void tables.workers.delete(id)),
  };
  return {
    volumes: missing('volumes', volumes),
    snapshots: missing('snapshots', snapshots),
    workers: missing('workers', workers),
    groups: missing<Repositories['groups']>('groups', { list: () => Promise.resolve([]) }),
    groupSnapshots: missing<Repositories['groupSnapshots']>('groupSnapshots', { list: () => Promise.resolve([]) }),
  };
}

/** `age_ms` is the fake's own column: how old the row claims to be. */
function page<R extends { id: string; status: string | null }>(rows: readonly R[], filter: VolumeFilter): R[] {
  return rows
    .filter((row) => filter.statuses === undefined || filter.statuses.includes(row.status ?? ''))
    .filter((row) => filter.isMigrating !== true || isMigrating(row))
    .filter((row) => filter.olderThanMs === undefined || ageMs(row) >= filter.olderThanMs)
    .filter((row) => filter.backend === undefined || !('host' in row) || String(row.host).startsWith(filter.backend))
    .filter((row) => filter.after === undefined || row.id > filter.after)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, filter.limit);
}

function isMigrating(row: object): boolean {
  return 'migration_status' in row && /^(starting|migrating|completing|target:)/.test(String(row.migration_status));
}

function ageMs(row: object): number {
  return 'age_ms' in row ? Number(row.age_ms) : Infinity;
}

/** What is there of a repository; anything else throws its name when it is called. */
export function missing<T extends object>(family: string, there: Partial<T> = {}): T {
  return new Proxy(there, {
    get: (target, key) =>
      Reflect.get(target, key) ??
      (() => {
        throw new Error(`${family}.${String(key)} is not in the fake database`);
      }),
  }) as T;
}
