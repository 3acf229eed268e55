import type { Binding } from '../session.ts';

interface Count {
  readonly sql: string;
  readonly bindings: readonly Binding[];
}

interface Counted {
  readonly table: string;
  /** What of each row is added up. */
  readonly value: string;
  /** Which rows count beside the project's not-deleted ones. */
  readonly condition: string;
}

// Temporary volumes and targets of migrations are not their project's (`use_quota` false); null is from before that.
const quotaOnly = `use_quota is not false`;
const volumeOnly = `${quotaOnly} and (migration_status is null or migration_status not like 'target:%')`;
const volumes = { table: 'volumes', value: '1', condition: volumeOnly };
const volumeSizes = { table: 'volumes', value: 'size', condition: volumeOnly };
const snapshots = { table: 'snapshots', value: '1', condition: quotaOnly };
const snapshotSizes = { table: 'snapshots', value: 'volume_size', condition: quotaOnly };
const untyped: Readonly<Record<string, Counted>> = {
  backups: { table: 'backups', value: '1', condition: 'true' },
  backup_gigabytes: { table: 'backups', value: 'size', condition: 'true' },
  groups: { table: '"groups"', value: '1', condition: 'true' },
};

/**
 * A statement that counts what a project uses of a quota resource, as upstream counts it: `volumes`, `snapshots`,
 * `gigabytes`, each also as `<resource>_<volume type's name>`, `backups`, `backup_gigabytes`, `groups`. What it does
 * not know is 0.
 */
export function countSql(resource: string, projectId: string, snapshotsTakeGigabytes: boolean): Count {
  const [, family, typeName] = /^(volumes|snapshots|gigabytes)(?:_(.*))?$/s.exec(resource) ?? [];
  if (family === undefined) return sum([untyped[resource]], projectId, undefined);
  const parts = {
    volumes: [volumes],
    snapshots: [snapshots],
    gigabytes: snapshotsTakeGigabytes ? [volumeSizes, snapshotSizes] : [volumeSizes],
  }[family];
  return sum(parts ?? [], projectId, typeName);
}

function sum(parts: readonly (Counted | undefined)[], projectId: string, typeName: string | undefined): Count {
  const known = parts.filter((part) => part !== undefined);
  if (known.length === 0) return { sql: '0', bindings: [] };
  const ofType =
    typeName === undefined
      ? ''
      : ' and volume_type_id in (select id from volume_types where name = ? and deleted = false)';
  const sqls = known.map(
    ({ table, value, condition }) =>
      `(select coalesce(sum(${value}), 0) from ${table}
        where project_id = ? and deleted = false and ${condition}${ofType})`,
  );
  return {
    sql: sqls.join(' + '),
    bindings: known.flatMap(() => (typeName === undefined ? [projectId] : [projectId, typeName])),
  };
}
