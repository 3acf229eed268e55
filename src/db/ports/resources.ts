import type { Backup, Snapshot, Timestamp, Volume, VolumeAttachment, VolumeType } from '../../domain/rows.ts';
import type { Claim } from './custody.ts';

/** Cinder's own tables that operations change. Every update sets `updated_at` by the database's clock. */
export interface ResourceRepositories {
  readonly volumes: VolumeRepository;
  readonly snapshots: SnapshotRepository;
  readonly volumeTypes: VolumeTypeRepository;
  readonly attachments: AttachmentRepository;
  readonly backups: BackupRepository;
  readonly glanceMetadata: GlanceMetadataRepository;
  readonly imageCache: ImageCacheRepository;
  readonly quotas: QuotaRepository;
  readonly workers: WorkerRepository;
  readonly messages: MessageRepository;
}

/** Conditions of a compare-and-set: each named column must have (one of) the given value(s); null means IS NULL. */
export type Expected<Row> = { readonly [K in keyof Row]?: Row[K] | readonly Row[K][] };

/** The database's clock, to be written into a timestamp column. */
export const now: unique symbol = Symbol('now');

export type Changes<Row> = { readonly [K in keyof Row]?: Row[K] | (Row[K] extends string | null ? typeof now : never) };

export type MetadataKind = 'metadata' | 'admin_metadata';

export interface VolumeRepository {
  /** Null: no such row, or deleted. */
  get(id: string): Promise<Volume | null>;
  /** The same, and nobody else changes the row until the transaction ends. */
  lock(id: string): Promise<Volume | null>;
  /** Rows changed: 0 where the row is gone or not as expected. */
  update(id: string, changes: Changes<Volume>, expected?: Expected<Volume>): Promise<number>;
  create(row: Partial<Volume> & Pick<Volume, 'id'>): Promise<void>;
  /**
   * `update`, if the claim and all its tokens are the newest: in one statement, for a row that is written between two
   * steps. 0 where the row is gone or not as expected; throws `ClaimLostError` where the claim is not the newest.
   */
  updateGuarded(claim: Claim, id: string, changes: Changes<Volume>, expected: Expected<Volume>): Promise<number>;
  /**
   * Upstream's soft delete: status `deleted`, and the rows that hang on it (metadata, snapshots, attachments, …).
   * Answers how many volumes it deleted: 0 where somebody had done it already.
   */
  destroy(id: string): Promise<number>;
  metadata(id: string, kind: MetadataKind): Promise<Readonly<Record<string, string | null>>>;
  /** Adds or replaces the given keys; a null removes one. The other keys stay. */
  mergeMetadata(id: string, kind: MetadataKind, changes: Readonly<Record<string, string | null>>): Promise<void>;
  /** Not-deleted volumes of a backend (`host@backend` or `cluster@backend`, any pool). `after`: id to page on. */
  list(filter: VolumeFilter): Promise<readonly Volume[]>;
  /** Those whose files may be called after these ids: their own, or that of the row that their data came from. */
  named(nameIds: readonly string[]): Promise<readonly Volume[]>;
  /** Whether any volume exists at all, on any host. */
  anyExists(): Promise<boolean>;
  /** GiB of all not-deleted volumes of the backend, by pool (null: rows without one), that count as allocated. */
  allocatedByPool(backend: string): Promise<ReadonlyMap<string | null, number>>;
  /** GiB of the not-deleted volumes by `provider_location`, of the given locations, whatever backend they belong to. */
  provisionedByLocation(locations: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

export interface VolumeFilter {
  readonly backend?: string;
  readonly statuses?: readonly string[];
  /** Volumes that go to another place, and those that they go to. */
  readonly isMigrating?: true;
  readonly olderThanMs?: number;
  readonly after?: string;
  readonly limit: number;
}

export interface SnapshotRepository {
  get(id: string): Promise<Snapshot | null>;
  ofVolume(volumeId: string): Promise<readonly Snapshot[]>;
  /** Those of these that there are. */
  among(ids: readonly string[]): Promise<readonly Snapshot[]>;
  update(id: string, changes: Changes<Snapshot>, expected?: Expected<Snapshot>): Promise<number>;
  create(row: Partial<Snapshot> & Pick<Snapshot, 'id' | 'volume_id'>): Promise<void>;
  /** Answers how many it deleted: 0 where somebody had done it already. */
  destroy(id: string): Promise<number>;
  metadata(id: string): Promise<Readonly<Record<string, string | null>>>;
  list(filter: VolumeFilter): Promise<readonly Snapshot[]>;
}

export interface VolumeTypeRepository {
  /** With its extra specs; deleted types as well, because their volumes live on. */
  get(id: string): Promise<VolumeType | null>;
  byName(name: string): Promise<VolumeType | null>;
  /** What its quality-of-service specs say, `consumer` among them; null: it has none. */
  qosSpecs(id: string): Promise<Readonly<Record<string, string | null>> | null>;
  /** How its volumes are encrypted (`cipher`, `key_size`, `provider`, `control_location`); null: they are not. */
  encryption(id: string): Promise<Readonly<Record<string, string | number | null>> | null>;
}

export interface AttachmentRepository {
  ofVolume(volumeId: string): Promise<readonly VolumeAttachment[]>;
  /** Null: no such row, or deleted. */
  get(id: string): Promise<VolumeAttachment | null>;
  create(row: Partial<VolumeAttachment> & Pick<VolumeAttachment, 'id' | 'volume_id'>): Promise<void>;
  update(id: string, changes: Changes<VolumeAttachment>): Promise<number>;
  /** Upstream's soft delete, `detached`. Answers how many it deleted: 0 where somebody had done it already. */
  destroy(id: string): Promise<number>;
}

export interface BackupRepository {
  /** Null: no such row, or deleted. */
  get(id: string): Promise<Backup | null>;
  update(id: string, changes: Changes<Backup>, expected?: Expected<Backup>): Promise<number>;
}

export type GlanceOwner = { readonly volumeId: string } | { readonly snapshotId: string };

export interface GlanceMetadataRepository {
  of(owner: GlanceOwner): Promise<Readonly<Record<string, string | null>>>;
  /** Copies what `to` does not have yet, so that doing it again changes nothing. */
  copy(from: GlanceOwner, to: GlanceOwner): Promise<void>;
  remove(owner: GlanceOwner): Promise<void>;
  /** The owner has exactly these afterwards. */
  replace(owner: GlanceOwner, values: Readonly<Record<string, string>>): Promise<void>;
}

/** One image that is kept as a volume (`image_volume_cache_entries`). */
export interface ImageCacheEntry {
  readonly id: number;
  readonly host: string;
  readonly cluster_name: string | null;
  readonly image_id: string;
  readonly image_updated_at: Timestamp | null;
  readonly volume_id: string;
  /** GiB. */
  readonly size: number;
  readonly last_used: Timestamp;
}

/** Whose entries: upstream tells them apart by the whole of `cluster_name`, or of `host` where there is no cluster. */
export type ImageCacheOf = { readonly cluster_name: string } | { readonly host: string };

export interface ImageCacheRepository {
  /** The newest used entry of the image; null: there is none. */
  find(of: ImageCacheOf, imageId: string): Promise<ImageCacheEntry | null>;
  /** `last_used` = now. */
  used(id: number): Promise<void>;
  /**
   * All entries, the most recently used first. Inside a transaction they are locked until its end, so that two that
   * make room do not both count what the other one removes.
   */
  list(of: ImageCacheOf): Promise<readonly ImageCacheEntry[]>;
  create(entry: Omit<ImageCacheEntry, 'id' | 'last_used'>): Promise<void>;
  /** Answers how many it removed. */
  removeByVolume(volumeId: string): Promise<number>;
}

export interface QuotaRepository {
  /**
   * `in_use += delta` for each resource (`volumes`, `gigabytes`, `volumes_<type>`, …) of a project. A missing usage
   * row is made by counting, as upstream does. Call it last in the transaction that changes what is counted: a count
   * holds the change then, and the project's rows, for which all that end work for it wait, are locked only for the
   * commit.
   */
  adjust(projectId: string, deltas: Readonly<Record<string, number>>): Promise<void>;
  commit(reservationIds: readonly string[]): Promise<void>;
  rollback(reservationIds: readonly string[]): Promise<void>;
  /** Of the resources that have one: the project's limit, else that of the class `default`, else the configured one. */
  limits(projectId: string, resources: readonly string[]): Promise<Readonly<Record<string, number>>>;
  usage(projectId: string): Promise<Readonly<Record<string, { inUse: number; reserved: number }>>>;
}

export interface WorkerRow {
  readonly id: number;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly status: string;
  readonly service_id: number | null;
  readonly updated_at: string;
  readonly race_preventer: number;
}

export interface WorkerRepository {
  /** The sender's side of upstream's protocol: the row exists without a service before the message is sent. */
  create(resourceType: string, resourceId: string, status: string): Promise<void>;
  drop(resourceType: string, resourceId: string): Promise<void>;
  setStatus(resourceType: string, resourceId: string, status: string): Promise<void>;
  find(resourceType: string, resourceId: string): Promise<WorkerRow | null>;
  ofService(serviceId: number): Promise<readonly WorkerRow[]>;
  /** Makes the rows of these ids another service's, as if that one had begun the work. */
  hand(ids: readonly number[], to: number): Promise<void>;
  /** Removes the row unless somebody has written it since it was read. */
  dropStale(row: WorkerRow): Promise<void>;
}

export interface UserMessage {
  readonly project_id: string;
  readonly request_id: string | null;
  readonly resource_type: 'VOLUME' | 'VOLUME_SNAPSHOT';
  readonly resource_uuid: string;
  /** Three digits, upstream's catalogue (`008` create volume, …). */
  readonly action_id: string;
  readonly detail_id: string;
}

export interface MessageRepository {
  create(message: UserMessage, ttlSeconds: number): Promise<void>;
}
