import type { ResourceRepositories } from '../../../src/db/ports/resources.ts';
import { answer, type Faked } from './rows.ts';
import type { Tables } from './tables.ts';

export function quotas(tables: Tables): Faked<ResourceRepositories>['quotas'] {
  return {
    adjust: (project, deltas) =>
      answer(() => {
        for (const [resource, delta] of Object.entries(deltas)) {
          tables.quotas[`${project} ${resource}`] = (tables.quotas[`${project} ${resource}`] ?? 0) + delta;
        }
      }),
    limits: (project, resources) => answer(() => ofProject(tables.limits, project, resources)),
    usage: (project) =>
      answer(() => {
        const used = Object.entries(ofProject(tables.quotas, project));
        return Object.fromEntries(used.map(([resource, inUse]) => [resource, { inUse, reserved: 0 }]));
      }),
    commit: (ids) => answer(() => settleReservations(tables, ids, 1)),
    rollback: (ids) => answer(() => settleReservations(tables, ids, 0)),
  };
}

function ofProject(
  values: Readonly<Record<string, number>>,
  project: string,
  resources?: readonly string[],
): Record<string, number> {
  const own = Object.entries(values).flatMap(([key, value]) => {
    const resource = key.startsWith(`${project} `) ? key.slice(project.length + 1) : null;
    const isMeant = resource !== null && (resources === undefined || resources.includes(resource));
    return isMeant ? [[resource, value] as const] : [];
  });
  return Object.fromEntries(own);
}

function settleReservations(tables: Tables, ids: readonly string[], factor: 0 | 1): void {
  for (const id of ids) {
    const found = tables.reservations[id];
    if (found === undefined) continue;
    tables.quotas[found.of] = (tables.quotas[found.of] ?? 0) + factor * found.delta;
    Reflect.deleteProperty(tables.reservations, id);
  }
}
