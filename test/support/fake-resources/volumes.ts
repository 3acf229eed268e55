import type { ResourceRepositories } from '../../../src/db/ports/resources.ts';
import type { Volume } from '../../../src/domain/rows.ts';
import { alive, answer, destroy, update, type Faked } from './rows.ts';
import type { Tables } from './tables.ts';

const noVolume = { deleted: false, provider_location: null, launched_at: null };

export function volumes(tables: Tables): Faked<ResourceRepositories>['volumes'] {
  return {
    list: ({ backend, limit, after = '' }) =>
      answer(() =>
        Object.values(tables.volumes)
          .filter((row) => !row.deleted && row.id > after && row.host?.split('#')[0] === backend)
          .toSorted((a, b) => (a.id < b.id ? -1 : 1))
          .slice(0, limit),
      ),
    get: (id) => answer(() => alive(tables.volumes[id])),
    lock: (id) => answer(() => alive(tables.volumes[id])),
    create: (row) => answer(() => void (tables.volumes[row.id] = { ...noVolume, ...row } as Volume)),
    update: (id, changes, expected) => answer(() => update(tables.volumes, id, changes, expected)),
    updateGuarded: (_claim, id, changes, expected) => answer(() => update(tables.volumes, id, changes, expected)),
    destroy: (id) =>
      answer(() => {
        const count = destroy(tables.volumes, id);
        for (const row of Object.values(tables.snapshots)) if (row.volume_id === id) destroy(tables.snapshots, row.id);
        for (const kind of ['metadata', 'admin_metadata', 'glance']) {
          Reflect.deleteProperty(tables.values, `${kind} ${id}`);
        }
        return count;
      }),
    metadata: (id, kind) => answer(() => tables.values[`${kind} ${id}`] ?? {}),
    mergeMetadata: (id, kind, changes) =>
      answer(() => {
        const merged = Object.entries({ ...tables.values[`${kind} ${id}`], ...changes });
        tables.values[`${kind} ${id}`] = Object.fromEntries(merged.filter(([, value]) => value !== null));
      }),
    named: (nameIds) =>
      answer(() =>
        Object.values(tables.volumes).filter(
          (row) => !row.deleted && [row.id, row._name_id ?? row.id].some((id) => nameIds.includes(id)),
        ),
      ),
    provisionedByLocation: (locations) => answer(() => new Map(locations.map((location) => [location, 0]))),
  };
}
