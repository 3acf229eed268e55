import type { NewEntry, OutboxMessage } from '../../../src/db/ports/custody.ts';
import type { ImageCacheEntry, UserMessage } from '../../../src/db/ports/resources.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type {
  Backup,
  Cluster,
  Group,
  GroupSnapshot,
  Service,
  Snapshot,
  Volume,
  VolumeAttachment,
  VolumeType,
} from '../../../src/domain/rows.ts';

type Values = Record<string, string | null>;

/** What the database holds, as plain data: a transaction is a copy that is put in place or dropped. */
export interface Tables {
  volumes: Record<string, Volume>;
  snapshots: Record<string, Snapshot>;
  volumeTypes: Record<string, VolumeType>;
  attachments: Record<string, VolumeAttachment>;
  backups: Record<string, Backup>;
  /** By volume type. */
  qosSpecs: Record<string, Values>;
  /** By volume type. */
  encryption: Record<string, Record<string, string | number | null>>;
  groups: Record<string, Group>;
  groupSnapshots: Record<string, GroupSnapshot>;
  /** Names of group types by id. */
  groupTypes: Record<string, string>;
  services: Record<number, Service>;
  /** By name. */
  clusters: Record<string, Cluster>;
  /** `metadata <id>`, `admin_metadata <id>`, `glance <id>`. */
  values: Record<string, Values>;
  imageCache: ImageCacheEntry[];
  /** What the journal was given beside the entry that is carried. */
  received: NewEntry[];
  /** `in_use` by `<project> <resource>`. */
  quotas: Record<string, number>;
  /** By `<project> <resource>`: no project has more. */
  limits: Record<string, number>;
  /** What is put by, and for what, by id: gone once it is charged or given back. */
  reservations: Record<string, { readonly of: string; readonly delta: number }>;
  /** `<type> <id>` → status. */
  workers: Record<string, string>;
  messages: UserMessage[];
  outbox: OutboxMessage[];
  entry: { outcome: string | null; detail: string | null };
  /** Of the entry that is carried. */
  notes: JsonObject;
}

/** The database's clock: it stands, so that two runs can be compared. */
export const CLOCK = '2026-01-02 03:04:05.000006';
