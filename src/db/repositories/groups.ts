import type { Group } from '../../domain/rows.ts';
import { compareAndSet, insertRow } from '../compare-and-set.ts';
import type { GroupRepository } from '../ports/groups.ts';
import { now, type Changes, type Expected, type VolumeFilter } from '../ports/resources.ts';
import type { Session } from '../session.ts';
import { filtered } from './backend-filter.ts';

export class Groups implements GroupRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(id: string): Promise<Group | null> {
    const rows = await this.#session.read<Group>('select * from "groups" where id = ? and deleted = false', [id]);
    return rows[0] ?? null;
  }

  update(id: string, changes: Changes<Group>, expected?: Expected<Group>): Promise<number> {
    return compareAndSet(this.#session, 'groups', id, changes, expected);
  }

  create(row: Partial<Group> & Pick<Group, 'id'>, volumeTypeIds: readonly string[] = []): Promise<void> {
    return this.#session.atomically(async (tx) => {
      await insertRow(tx, 'groups', { created_at: now, deleted: false }, row);
      for (const volume_type_id of volumeTypeIds) {
        const mapping = { group_id: row.id, volume_type_id };
        await insertRow(tx, 'group_volume_type_mapping', { created_at: now, deleted: false }, mapping);
      }
    });
  }

  /** The row first: whoever deletes the same group waits there, and finds it gone. */
  destroy(id: string): Promise<number> {
    return this.#session.atomically(async (tx) => {
      const { count } = await tx.write(
        `update "groups" set status = 'deleted', deleted = true, deleted_at = ${tx.dialect.now} where id = ? and deleted = false`,
        [id],
      );
      await tx.write(
        `update group_volume_type_mapping set deleted = true, deleted_at = ${tx.dialect.now}
         where group_id = ? and deleted = false`,
        [id],
      );
      return count;
    });
  }

  async volumeIds(id: string): Promise<readonly string[]> {
    const rows = await this.#session.read<{ id: string }>(
      'select id from volumes where group_id = ? and deleted = false order by created_at, id',
      [id],
    );
    return rows.map((row) => row.id);
  }

  list(filter: VolumeFilter): Promise<readonly Group[]> {
    const { sql, bindings } = filtered('v', filter, this.#session.dialect);
    return this.#session.read<Group>(`select v.* from "groups" v where v.deleted = false${sql}`, bindings);
  }

  async typeName(groupTypeId: string): Promise<string | null> {
    const rows = await this.#session.read<{ name: string | null }>('select name from group_types where id = ?', [
      groupTypeId,
    ]);
    return rows[0]?.name ?? null;
  }
}
