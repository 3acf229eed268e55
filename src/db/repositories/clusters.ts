import type { Cluster } from '../../domain/rows.ts';
import { identifier } from '../dialect.ts';
import { BACKEND_TABLES } from '../ports/services.ts';
import type { BackendRows, ClusterRepository, ClusterStart, ServiceChanges } from '../ports/services.ts';
import type { Session } from '../session.ts';
import { ofBackend, type Condition } from './backend-filter.ts';
import { assignments } from './service-changes.ts';

const select = `select id, name, "binary", disabled, disabled_reason, replication_status, active_backend_id, frozen,
  created_at, updated_at, deleted_at, deleted from clusters where name = ? and "binary" = ? and deleted = false`;

export class Clusters implements ClusterRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async ensure(name: string, binary: string, from: ClusterStart): Promise<Cluster> {
    const { now, unlessDuplicate } = this.#session.dialect;
    await this.#session.write(
      `insert into clusters (created_at, deleted, name, "binary", race_preventer, disabled, replication_status,
         active_backend_id, frozen)
       values (${now}, false, ?, ?, 0, ?, ?, ?, ?) ${unlessDuplicate('name, "binary", race_preventer')}`,
      [name, binary, from.disabled, from.replication_status, from.active_backend_id, from.frozen ?? false],
    );
    const cluster = await this.get(name, binary);
    if (cluster === null) throw new Error(`the cluster ${name} was deleted as it was made`);
    return cluster;
  }

  async get(name: string, binary: string): Promise<Cluster | null> {
    const rows = await this.#session.read<Cluster>(select, [name, binary]);
    return rows[0] ?? null;
  }

  async update(name: string, binary: string, changes: ServiceChanges): Promise<void> {
    const { sql, bindings } = assignments(changes);
    await this.#session.write(
      `update clusters set ${sql}updated_at = ${this.#session.dialect.now}
       where name = ? and "binary" = ? and deleted = false`,
      [...bindings, name, binary],
    );
  }

  async includeResources(host: string, clusterName: string): Promise<{ volumes: number; groups: number }> {
    return this.#session.atomically(async (tx) => {
      const include = (table: string): Promise<number> => includeTable(tx, table, host, clusterName);
      const volumes = await include('volumes');
      const groups = await include('groups');
      await include('consistencygroups');
      await include('image_volume_cache_entries');
      return { volumes, groups };
    });
  }

  async excludeResources(clusterName: string, host: string, serviceUuid: string | null): Promise<void> {
    await this.#session.atomically(async (tx) => {
      for (const table of BACKEND_TABLES) await excludeTable(tx, table, clusterName, host);
      if (serviceUuid === null) return;
      const { sql, bindings } = ofBackend(host, ['host']);
      await tx.write(`update volumes set service_uuid = ? where ${sql} and deleted = false`, [
        serviceUuid,
        ...bindings,
      ]);
    });
  }

  rowsOutside(host: string, clusterName: string): Promise<BackendRows> {
    const [of, inside] = [ofBackend(host, ['host']), ofBackend(clusterName, ['cluster_name'])];
    const sql = `${of.sql} and (cluster_name is null or not ${inside.sql})`;
    return countRows(this.#session, { sql, bindings: [...of.bindings, ...inside.bindings] });
  }

  rowsInside(clusterName: string): Promise<BackendRows> {
    return countRows(this.#session, ofBackend(clusterName, ['cluster_name']));
  }

  async retire(name: string, binary: string): Promise<void> {
    const { now } = this.#session.dialect;
    await this.#session.write(
      `update clusters set deleted = true, deleted_at = ${now}, race_preventer = id
       where name = ? and "binary" = ? and deleted = false`,
      [name, binary],
    );
  }
}

async function countRows(session: Session, { sql, bindings }: Condition): Promise<BackendRows> {
  const counts: [string, number][] = [];
  for (const table of BACKEND_TABLES) {
    const alive = isSoft(table) ? ' and deleted = false' : '';
    const rows = await session.read<{ n: number | string }>(
      `select count(*) as n from ${identifier(table)} where ${sql}${alive}`,
      bindings,
    );
    counts.push([table, Number(rows[0]?.n ?? 0)]);
  }
  // Each of the tables has its count.
  return Object.fromEntries(counts) as BackendRows;
}

async function excludeTable(tx: Session, table: string, clusterName: string, host: string): Promise<void> {
  const { sql, bindings } = ofBackend(clusterName, ['cluster_name']);
  const [changed, alive] = isSoft(table) ? [`, updated_at = ${tx.dialect.now}`, ' and deleted = false'] : ['', ''];
  // In this order: MariaDB goes on with what the statement has set already.
  await tx.write(
    `update ${identifier(table)} set host = ? || substr(cluster_name, char_length(?) + 1), cluster_name = null${changed}
     where ${sql}${alive}`,
    [host, clusterName, ...bindings],
  );
}

/** The cache's table alone has no `deleted` and `updated_at`. */
function isSoft(table: string): boolean {
  return table !== 'image_volume_cache_entries';
}

async function includeTable(tx: Session, table: string, host: string, clusterName: string): Promise<number> {
  const { sql, bindings } = ofBackend(host, ['host']);
  const soft = isSoft(table);
  const { count } = await tx.write(
    `update ${identifier(table)} set cluster_name = ? || substr(host, char_length(?) + 1)${soft ? `, updated_at = ${tx.dialect.now}` : ''}
     where ${sql}${soft ? ' and deleted = false' : ''}`,
    [clusterName, host, ...bindings],
  );
  return count;
}
