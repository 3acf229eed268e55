import type { Snapshot } from '../../domain/rows.ts';
import { compareAndSet, insertRow } from '../compare-and-set.ts';
import { now, type Changes, type Expected, type SnapshotRepository, type VolumeFilter } from '../ports/resources.ts';
import type { Session } from '../session.ts';
import { together } from '../together.ts';
import { filtered } from './backend-filter.ts';
import { readMetadata, type KeyValues } from './metadata.ts';

const metadata = { table: 'snapshot_metadata', column: 'snapshot_id', owners: 'snapshots' };

export class Snapshots implements SnapshotRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(id: string): Promise<Snapshot | null> {
    const rows = await this.#session.read<Snapshot>('select * from snapshots where id = ? and deleted = false', [id]);
    return rows[0] === undefined ? null : complete(rows[0]);
  }

  async ofVolume(volumeId: string): Promise<readonly Snapshot[]> {
    const rows = await this.#session.read<Snapshot>(
      'select * from snapshots where volume_id = ? and deleted = false order by created_at, id',
      [volumeId],
    );
    return rows.map(complete);
  }

  async among(ids: readonly string[]): Promise<readonly Snapshot[]> {
    const rows = await this.#session.read<Snapshot>(
      `select * from snapshots where ${this.#session.dialect.anyOf('id')} and deleted = false`,
      [ids],
    );
    return rows.map(complete);
  }

  update(id: string, changes: Changes<Snapshot>, expected?: Expected<Snapshot>): Promise<number> {
    return compareAndSet(this.#session, 'snapshots', id, changes, expected);
  }

  /** Without a type it gets its volume's. */
  async create(row: Partial<Snapshot> & Pick<Snapshot, 'id' | 'volume_id'>): Promise<void> {
    await insertRow(
      this.#session,
      'snapshots',
      { created_at: now, deleted: false, use_quota: true },
      { ...row, volume_type_id: row.volume_type_id ?? (await this.#typeOf(row.volume_id)) },
    );
  }

  destroy(id: string): Promise<number> {
    const set = `deleted = true, deleted_at = ${this.#session.dialect.now}`;
    return together(this.#session, [
      { sql: `update snapshot_metadata set ${set} where snapshot_id = ? and deleted = false`, bindings: [id] },
      { sql: `update snapshots set status = 'deleted', ${set} where id = ? and deleted = false`, bindings: [id] },
    ]);
  }

  metadata(id: string): Promise<KeyValues> {
    return readMetadata(this.#session, metadata, id);
  }

  /** The backend is the volume's; so it is for a snapshot whose volume is deleted already. */
  async list(filter: VolumeFilter): Promise<readonly Snapshot[]> {
    const { sql, bindings } = filtered('s', filter, this.#session.dialect);
    const rows = await this.#session.read<Snapshot>(
      `select s.* from snapshots s join volumes v on v.id = s.volume_id where s.deleted = false${sql}`,
      bindings,
    );
    return rows.map(complete);
  }

  async #typeOf(volumeId: string): Promise<string | undefined> {
    const rows = await this.#session.read<{ volume_type_id: string }>(
      'select volume_type_id from volumes where id = ?',
      [volumeId],
    );
    return rows[0]?.volume_type_id;
  }
}

const complete = (row: Snapshot): Snapshot => ({ ...row, use_quota: row.use_quota ?? true });
