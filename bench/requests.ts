import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import {
  createSnapshotArguments,
  createVolumeArguments,
  deleteSnapshotArguments,
  deleteVolumeArguments,
} from '../src/cli/drive/wire-objects.ts';
import { queueOf, type Target } from '../src/cli/drive/target.ts';
import type { JsonObject } from '../src/domain/json.ts';
import type { Snapshot, Volume, VolumeType } from '../src/domain/rows.ts';
import { decodeContext, encodeContext } from '../src/rpc/wire/context.ts';
import { buildBody, buildRequest } from '../src/rpc/wire/envelope.ts';

/** A request whose row and message are ready, so that sending it is all that is left. */
export interface Prepared {
  readonly id: string;
  readonly table: 'volumes' | 'snapshots';
  readonly goal: 'available' | 'gone';
  readonly routingKey: string;
  readonly body: Buffer;
}

const userId = 'bench-user';
const projectId = 'bench-project';
const now = `(clock_timestamp() AT TIME ZONE 'utc')`;

/**
 * Rows as cinder-api and cinder-scheduler leave them when they send a request, but made many at a time and before the
 * clock starts: what is measured is the volume service, and on the same machine the cost of making them would count
 * against the faster side. The messages are those of the command line.
 */
export class Requests {
  readonly #db: pg.Pool;
  readonly #target: Target;
  #type: VolumeType | undefined;

  constructor(db: pg.Pool, target: Target) {
    this.#db = db;
    this.#target = target;
  }

  /** Where they go: RabbitMQ's name of the queue, which is its routing key as well. */
  get queue(): string {
    const { topic, server } = queueOf({ host: this.#target.host, cluster_name: this.#target.clusterName });
    return `${topic}.${server}`;
  }

  /** Volumes that were there all along; no files belong to them, and none is looked for at a start. */
  async fill(count: number): Promise<void> {
    if (count === 0) return;
    const { host, clusterName, availabilityZone } = this.#target;
    const type = await this.#volumeType();
    await this.#rows(
      `INSERT INTO volumes (id, created_at, updated_at, scheduled_at, launched_at, deleted, user_id, project_id, size,
                            status, attach_status, availability_zone, host, cluster_name, display_name, volume_type_id,
                            provider_location, bootable, multiattach, shared_targets, use_quota)
       SELECT gen_random_uuid()::text, ${now}, ${now}, ${now}, ${now}, false, $2, $3, 1, 'available', 'detached', $4, $5,
              $6, 'old', $7, '127.0.0.1:/bench', false, false, false, true
         FROM generate_series(1, $1)`,
      [count, userId, projectId, availabilityZone, host, clusterName, type.id],
    );
    // What the server would do in the background anyway, and what would slow down a start beside it.
    await this.#rows('VACUUM ANALYZE volumes', []);
    await this.#rows('CHECKPOINT', []);
  }

  async createVolumes(count: number): Promise<Prepared[]> {
    const type = await this.#volumeType();
    const { host, clusterName, availabilityZone } = this.#target;
    const rows = await this.#rows<Volume>(
      `INSERT INTO volumes (id, created_at, scheduled_at, deleted, user_id, project_id, size, status, attach_status,
                            availability_zone, host, cluster_name, display_name, volume_type_id, bootable, multiattach,
                            shared_targets, use_quota)
       SELECT id, ${now}, ${now}, false, $2, $3, 1, 'creating', 'detached', $4, $5, $6, 'bench', $7, false, false, true, true
         FROM unnest($1::text[]) AS id RETURNING *`,
      [uuids(count), userId, projectId, availabilityZone, host, clusterName, type.id],
    );
    await this.#work('Volume', rows, 'creating');
    await this.#quota({ volumes: count, gigabytes: count });
    return rows.map((row) =>
      this.#prepared('volumes', row, 'available', 'create_volume', createVolumeArguments(row, type)),
    );
  }

  async deleteVolumes(ids: readonly string[]): Promise<Prepared[]> {
    const type = await this.#volumeType();
    const rows = await this.#rows<Volume>(
      `UPDATE volumes SET status = 'deleting', terminated_at = ${now}, updated_at = ${now} WHERE id = ANY($1) RETURNING *`,
      [ids],
    );
    await this.#work('Volume', rows, 'deleting');
    return rows.map((row) =>
      this.#prepared('volumes', row, 'gone', 'delete_volume', deleteVolumeArguments(row, type, false)),
    );
  }

  /** One snapshot for each entry of `volumeIds`, which may name the same volume many times. */
  async createSnapshots(volumeIds: readonly string[]): Promise<Prepared[]> {
    const type = await this.#volumeType();
    const rows = await this.#rows<Snapshot>(
      `INSERT INTO snapshots (id, created_at, deleted, volume_id, user_id, project_id, status, progress, volume_size,
                              display_name, volume_type_id, use_quota)
       SELECT id, ${now}, false, volume_id, $3, $4, 'creating', '0%', 1, 'bench', $5, true
         FROM unnest($1::text[], $2::text[]) AS new (id, volume_id) RETURNING *`,
      [uuids(volumeIds.length), volumeIds, userId, projectId, type.id],
    );
    await this.#work('Snapshot', rows, 'creating');
    await this.#quota({ snapshots: rows.length, gigabytes: rows.length });
    return rows.map((row) =>
      this.#prepared('snapshots', row, 'available', 'create_snapshot', createSnapshotArguments(row)),
    );
  }

  async deleteSnapshots(ids: readonly string[]): Promise<Prepared[]> {
    const type = await this.#volumeType();
    const rows = await this.#rows<Snapshot>(
      `UPDATE snapshots SET status = 'deleting', updated_at = ${now} WHERE id = ANY($1) RETURNING *`,
      [ids],
    );
    const volumes = await this.#rows<Volume>('SELECT * FROM volumes WHERE id = ANY($1)', [
      rows.map((row) => row.volume_id),
    ]);
    const byId = new Map(volumes.map((volume) => [volume.id, volume]));
    return rows.map((row) => {
      const volume = byId.get(row.volume_id);
      if (volume === undefined) throw new Error(`snapshot ${row.id} has no volume`);
      return this.#prepared('snapshots', row, 'gone', 'delete_snapshot', deleteSnapshotArguments(row, volume, type));
    });
  }

  #prepared(
    table: Prepared['table'],
    row: { readonly id: string },
    goal: Prepared['goal'],
    method: string,
    args: JsonObject,
  ): Prepared {
    const request = { method, args, version: '3.0', namespace: null, uniqueId: uniqueId(), replyTo: null };
    const body = buildBody(buildRequest({ ...request, context: context() }));
    return { id: row.id, table, goal, routingKey: this.queue, body };
  }

  async #volumeType(): Promise<VolumeType> {
    this.#type ??= await this.#findOrMakeType();
    return this.#type;
  }

  async #findOrMakeType(): Promise<VolumeType> {
    const find = `SELECT * FROM volume_types WHERE name = '__DEFAULT__' AND NOT deleted`;
    const make = `INSERT INTO volume_types (id, created_at, deleted, name, is_public) VALUES ($1, ${now}, false, '__DEFAULT__', true)`;
    if ((await this.#rows(find, [])).length === 0) await this.#rows(make, [randomUUID()]);
    const [type] = await this.#rows<Omit<VolumeType, 'extra_specs'>>(find, []);
    if (type === undefined) throw new Error('no volume type');
    return { ...type, extra_specs: {} };
  }

  async #work(type: string, rows: readonly { readonly id: string }[], status: string): Promise<void> {
    await this.#rows(
      `INSERT INTO workers (created_at, updated_at, deleted, resource_type, resource_id, status, race_preventer)
       SELECT ${now}, ${now}, false, $1, id, $3, 0 FROM unnest($2::text[]) AS id
       ON CONFLICT (resource_type, resource_id) DO UPDATE SET status = excluded.status, service_id = NULL`,
      [type, rows.map((row) => row.id), status],
    );
  }

  /** As the API has committed it before it sends. */
  async #quota(deltas: Readonly<Record<string, number>>): Promise<void> {
    for (const [resource, delta] of Object.entries(deltas)) {
      for (const name of [resource, `${resource}___DEFAULT__`]) {
        await this.#rows(
          `INSERT INTO quota_usages (created_at, deleted, project_id, resource, in_use, reserved, race_preventer)
           VALUES (${now}, false, $1, $2, $3, 0, true)
           ON CONFLICT (project_id, resource, race_preventer) DO UPDATE SET in_use = quota_usages.in_use + $3`,
          [projectId, name, delta],
        );
      }
    }
  }

  async #rows<T extends object>(sql: string, parameters: readonly unknown[]): Promise<T[]> {
    const { rows } = await this.#db.query<T & pg.QueryResultRow>(sql, [...parameters]);
    return rows;
  }
}

const uuids = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
const uniqueId = (): string => randomUUID().replaceAll('-', '');

function context(): JsonObject {
  const asked = { user_id: userId, project_id: projectId, is_admin: false, roles: ['member'], read_deleted: 'no' };
  return encodeContext(decodeContext(asked).request);
}
