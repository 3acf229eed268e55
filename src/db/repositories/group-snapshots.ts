import type { GroupSnapshot } from '../../domain/rows.ts';
import { compareAndSet, insertRow } from '../compare-and-set.ts';
import type { GroupSnapshotRepository } from '../ports/groups.ts';
import { now, type Changes, type Expected, type VolumeFilter } from '../ports/resources.ts';
import type { Session } from '../session.ts';
import { filtered } from './backend-filter.ts';

export class GroupSnapshots implements GroupSnapshotRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(id: string): Promise<GroupSnapshot | null> {
    const rows = await this.#session.read<GroupSnapshot>(
      'select * from group_snapshots where id = ? and deleted = false',
      [id],
    );
    return rows[0] ?? null;
  }

  update(id: string, changes: Changes<GroupSnapshot>, expected?: Expected<GroupSnapshot>): Promise<number> {
    return compareAndSet(this.#session, 'group_snapshots', id, changes, expected);
  }

  create(row: Partial<GroupSnapshot> & Pick<GroupSnapshot, 'id' | 'group_id'>): Promise<void> {
    return insertRow(this.#session, 'group_snapshots', { created_at: now, deleted: false }, row);
  }

  async destroy(id: string): Promise<number> {
    const { count } = await this.#session.write(
      `update group_snapshots set status = 'deleted', deleted = true, deleted_at = ${this.#session.dialect.now}
       where id = ? and deleted = false`,
      [id],
    );
    return count;
  }

  async snapshotIds(id: string): Promise<readonly string[]> {
    const rows = await this.#session.read<{ id: string }>(
      'select id from snapshots where group_snapshot_id = ? and deleted = false order by created_at, id',
      [id],
    );
    return rows.map((row) => row.id);
  }

  list(filter: VolumeFilter): Promise<readonly GroupSnapshot[]> {
    const { sql, bindings } = filtered('s', filter, this.#session.dialect);
    return this.#session.read<GroupSnapshot>(
      `select s.* from group_snapshots s join "groups" v on v.id = s.group_id where s.deleted = false${sql}`,
      bindings,
    );
  }
}
