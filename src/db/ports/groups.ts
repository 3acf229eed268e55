import type { Group, GroupSnapshot } from '../../domain/rows.ts';
import type { Changes, Expected, VolumeFilter } from './resources.ts';

/** Generic volume groups and their snapshots. Every update sets `updated_at` by the database's clock. */
export interface GroupRepositories {
  readonly groups: GroupRepository;
  readonly groupSnapshots: GroupSnapshotRepository;
}

type GroupFilter = Omit<VolumeFilter, 'isMigrating'>;

export interface GroupRepository {
  /** Null: no such row, or deleted. */
  get(id: string): Promise<Group | null>;
  /** Rows changed: 0 where the row is gone or not as expected. */
  update(id: string, changes: Changes<Group>, expected?: Expected<Group>): Promise<number>;
  /** With the volume types that its members may have (`group_volume_type_mapping`). */
  create(row: Partial<Group> & Pick<Group, 'id'>, volumeTypeIds?: readonly string[]): Promise<void>;
  /** Upstream's soft delete of the row and its volume types. Answers how many groups it deleted. */
  destroy(id: string): Promise<number>;
  /** The not-deleted volumes of the group. */
  volumeIds(id: string): Promise<readonly string[]>;
  /** Not-deleted groups of a backend, as volumes are listed. */
  list(filter: GroupFilter): Promise<readonly Group[]>;
  /** The name of a group type, deleted ones included; null: there is none of this id. */
  typeName(groupTypeId: string): Promise<string | null>;
}

export interface GroupSnapshotRepository {
  get(id: string): Promise<GroupSnapshot | null>;
  update(id: string, changes: Changes<GroupSnapshot>, expected?: Expected<GroupSnapshot>): Promise<number>;
  create(row: Partial<GroupSnapshot> & Pick<GroupSnapshot, 'id' | 'group_id'>): Promise<void>;
  /** Answers how many it deleted: 0 where somebody had done it already. */
  destroy(id: string): Promise<number>;
  /** The not-deleted snapshots of the group snapshot. */
  snapshotIds(id: string): Promise<readonly string[]>;
  /** The backend is the group's. */
  list(filter: GroupFilter): Promise<readonly GroupSnapshot[]>;
}
