import type { Volume } from '../../domain/rows.ts';
import { compareAndSet, insertRow } from '../compare-and-set.ts';
import type { CustodyStatements } from '../custody-statements.ts';
import {
  now,
  type Changes,
  type Expected,
  type MetadataKind,
  type VolumeFilter,
  type VolumeRepository,
} from '../ports/resources.ts';
import type { Claim } from '../ports/custody.ts';
import type { Session } from '../session.ts';
import { together } from '../together.ts';
import type { Fence } from './fence.ts';
import { filtered, ofBackend } from './backend-filter.ts';
import { mergeMetadata, readMetadata, type KeyValues, type MetadataTable } from './metadata.ts';

const metadataTables: Readonly<Record<MetadataKind, MetadataTable>> = {
  metadata: { table: 'volume_metadata', column: 'volume_id', owners: 'volumes' },
  admin_metadata: { table: 'volume_admin_metadata', column: 'volume_id', owners: 'volumes' },
};

/** Tables whose rows go with the volume; only their `deleted` columns change, their statuses stay. */
const dependents = [
  'volume_metadata',
  'volume_admin_metadata',
  'snapshots',
  'transfers',
  'volume_glance_metadata',
  'volume_attachment',
];

/** What upstream's model gives a new row. */
const defaults = {
  created_at: now,
  deleted: false,
  bootable: false,
  multiattach: false,
  attach_status: 'detached',
  shared_targets: true,
  use_quota: true,
};

export class Volumes implements VolumeRepository {
  readonly #session: Session;
  readonly #custody: CustodyStatements;
  readonly #fence: Fence;

  constructor(session: Session, custody: CustodyStatements, fence: Fence) {
    this.#session = session;
    this.#custody = custody;
    this.#fence = fence;
  }

  async get(id: string): Promise<Volume | null> {
    const rows = await this.#session.read<Volume>('select * from volumes where id = ? and deleted = false', [id]);
    return rows[0] === undefined ? null : complete(rows[0]);
  }

  async lock(id: string): Promise<Volume | null> {
    const sql = 'select * from volumes where id = ? and deleted = false for update';
    const rows = await this.#session.read<Volume>(sql, [id]);
    return rows[0] === undefined ? null : complete(rows[0]);
  }

  update(id: string, changes: Changes<Volume>, expected?: Expected<Volume>): Promise<number> {
    return compareAndSet(this.#session, 'volumes', id, changes, expected);
  }

  async updateGuarded(claim: Claim, id: string, changes: Changes<Volume>, expected: Expected<Volume>): Promise<number> {
    const changed = await this.#custody.compareAndSet(this.#session, claim, 'volumes', id, changes, expected);
    // Which of the conditions was it?
    if (changed === 0) await this.#fence.check(claim.tokens, claim);
    return changed;
  }

  /** Without a type it gets the type that upstream's migrations made for that, `__DEFAULT__`. */
  async create(row: Partial<Volume> & Pick<Volume, 'id'>): Promise<void> {
    await insertRow(this.#session, 'volumes', defaults, {
      ...row,
      volume_type_id: row.volume_type_id ?? (await this.#defaultType()),
    });
  }

  destroy(id: string): Promise<number> {
    const set = `deleted = true, deleted_at = ${this.#session.dialect.now}`;
    const parts = dependents.map((table) => `update ${table} set ${set} where volume_id = ? and deleted = false`);
    const last = `update volumes set status = 'deleted', ${set}, migration_status = null where id = ? and deleted = false`;
    return together(
      this.#session,
      [...parts, last].map((sql) => ({ sql, bindings: [id] })),
    );
  }

  metadata(id: string, kind: MetadataKind): Promise<KeyValues> {
    return readMetadata(this.#session, metadataTables[kind], id);
  }

  mergeMetadata(id: string, kind: MetadataKind, changes: KeyValues): Promise<void> {
    return mergeMetadata(this.#session, metadataTables[kind], id, changes);
  }

  async list(filter: VolumeFilter): Promise<readonly Volume[]> {
    const { sql, bindings } = filtered('v', filter, this.#session.dialect);
    const rows = await this.#session.read<Volume>(`select v.* from volumes v where v.deleted = false${sql}`, bindings);
    return rows.map(complete);
  }

  async named(nameIds: readonly string[]): Promise<readonly Volume[]> {
    const { anyOf } = this.#session.dialect;
    const rows = await this.#session.read<Volume>(
      `select * from volumes where deleted = false and (${anyOf('_name_id')} or ${anyOf('id')})`,
      [nameIds, nameIds],
    );
    return rows.map(complete);
  }

  async anyExists(): Promise<boolean> {
    const rows = await this.#session.read('select 1 from volumes where deleted = false limit 1');
    return rows.length > 0;
  }

  /**
   * All that the scheduler has placed here takes room, being made or being deleted included; a volume without a file
   * (`error` before it was made) cannot be told apart and counts as well, as upstream counts it from its next start on.
   */
  async allocatedByPool(backend: string): Promise<ReadonlyMap<string | null, number>> {
    const { sql, bindings } = ofBackend(backend);
    const rows = await this.#session.read<{ pool: string | null; size: string }>(
      `select case when v.host like '%_#_%' then substring(v.host from position('#' in v.host) + 1) end as pool,
         sum(coalesce(v.size, 0)) as size from volumes v where v.deleted = false and ${sql} group by 1`,
      bindings,
    );
    return new Map(rows.map(({ pool, size }) => [pool, Number(size)]));
  }

  async provisionedByLocation(locations: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#session.read<{ location: string; size: string }>(
      `select provider_location as location, sum(coalesce(size, 0)) as size from volumes
       where deleted = false and ${this.#session.dialect.anyOf('provider_location')} group by 1`,
      [locations],
    );
    return new Map(rows.map(({ location, size }) => [location, Number(size)]));
  }

  async #defaultType(): Promise<string | undefined> {
    const rows = await this.#session.read<{ id: string }>(
      `select id from volume_types where name = '__DEFAULT__' and deleted = false`,
    );
    return rows[0]?.id;
  }
}

/** Columns that upstream reads as false (or true) where an older release left them empty. */
function complete(row: Volume): Volume {
  return {
    ...row,
    bootable: row.bootable ?? false,
    multiattach: row.multiattach ?? false,
    use_quota: row.use_quota ?? true,
  };
}
