import type { ServiceRepositories } from '../../../src/db/ports/services.ts';
import { isAsExpected } from '../as-expected.ts';
import { answer, type Faked } from './rows.ts';
import type { Tables } from './tables.ts';

export function services(tables: Tables): Faked<ServiceRepositories> {
  return {
    services: {
      get: (id) => answer(() => tables.services[id] ?? null),
      list: () => answer(() => Object.values(tables.services).map((row) => ({ ...row, age_ms: 0 }))),
      update: (id, changes) => answer(() => void Object.assign(tables.services[id] ?? {}, changes)),
      updateMembers: ({ cluster }, changes, expected) =>
        answer(() => {
          const members = Object.values(tables.services).filter((row) => row.cluster_name === cluster);
          for (const row of members) if (isAsExpected(row, expected)) Object.assign(row, changes);
        }),
    },
    clusters: {
      get: (name) => answer(() => tables.clusters[name] ?? null),
      update: (name, _binary, changes) => answer(() => void Object.assign(tables.clusters[name] ?? {}, changes)),
    },
  };
}
