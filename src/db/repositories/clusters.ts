import type { Cluster, Service } from '../../domain/rows.ts';
import { identifier } from '../dialect.ts';
import type { ClusterRepository, ServiceChanges } from '../ports/services.ts';
import type { Session } from '../session.ts';
import { ofBackend } from './backend-filter.ts';
import { assignments } from './service-changes.ts';

const select = `select id, name, "binary", disabled, disabled_reason, replication_status, active_backend_id, frozen,
  created_at, updated_at, deleted_at, deleted from clusters where name = ? and "binary" = ? and deleted = false`;

export class Clusters implements ClusterRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async ensure(name: string, binary: string, from: Service): Promise<Cluster> {
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
}

async function includeTable(tx: Session, table: string, host: string, clusterName: string): Promise<number> {
  const { sql, bindings } = ofBackend(host, ['host']);
  // The cache's table alone has neither of the columns.
  const soft = table !== 'image_volume_cache_entries';
  const { count } = await tx.write(
    `update ${identifier(table)} set cluster_name = ? || substr(host, char_length(?) + 1)${soft ? `, updated_at = ${tx.dialect.now}` : ''}
     where ${sql}${soft ? ' and deleted = false' : ''}`,
    [clusterName, host, ...bindings],
  );
  return count;
}
