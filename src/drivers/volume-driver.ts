import type { LockName } from '../coordination/lock-names.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { LuksCipher } from '../domain/luks-cipher.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Component } from '../kernel/component.ts';
import type { StepGuard } from './exec.ts';

/** What a driver may ask while it looks for what could be taken in. Nothing is locked for it. */
export interface Survey extends StepGuard {
  /** The volumes whose files may be called after these ids, on whatever backend. */
  ownersOf(nameIds: readonly string[]): Promise<readonly Volume[]>;
  /** Those of these snapshots that there are. */
  snapshotsWith(ids: readonly string[]): Promise<readonly Snapshot[]>;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/** What a driver may know and do while it works on one operation, under that operation's locks. */
export interface DriverWork extends Survey {
  /** In the names of temporary files: grows with every owner of the locks, so that a successor knows older ones. */
  readonly ownerTag: string;
  /** Another owner had the work before, and may have ended midway in any command. Absent in calls. */
  readonly isContinued?: boolean;
  /** Before each commit point on the share: throws unless claim and tokens are still the newest in the database. */
  commitPoint(name: string): Promise<void>;
  /** The snapshot rows that exist, read under the lock (`.info` alone may be stale or absent). */
  snapshotsOf(volumeId: string): Promise<readonly Snapshot[]>;
  /** Absent in calls: nobody takes them over. */
  readonly delegation?: Delegation;
  /** Absent in calls: none of them opens an encrypted image. */
  readonly encryption?: Encryption;
  /** The volume's admin metadata: `format` and `base_format` are the only sure sign of what a base file is. */
  adminMetadataOf?(volumeId: string): Promise<Readonly<Record<string, string | null>>>;
}

/** What opens encrypted volumes, and how new images of them are encrypted. It is in memory only, and in no log. */
export interface Encryption {
  /** @throws CinderError KeyManagerError */
  passphrase(volume: Volume): Promise<string>;
  /** By the volume's type. @throws CinderError where that says nothing that files can be encrypted with */
  cipher(volume: Volume): Promise<LuksCipher>;
}

/**
 * What somebody else carries on for a request, and must not be asked for twice: Nova changes an attached volume's chain.
 */
export interface Delegation {
  /** What was asked for already, by this owner or one before. */
  asked(snapshotId: string): JsonObject | undefined;
  /** Written before it is asked for. The snapshot's progress is 0% then: an earlier request's sign must not count. */
  ask(snapshotId: string, what: JsonObject): Promise<void>;
  /** The answer was no. Written before anything is undone: no sign will ever come, and nobody is to wait for one. */
  noteRefusal(snapshotId: string, reason: string): Promise<void>;
  /** The refusal that this owner, or one before, has heard. */
  refusalOf(snapshotId: string): string | undefined;
  /** What a successor must know of one's own work on the snapshot, once the share says nothing of it any more. */
  leaveWord(snapshotId: string, word: string): Promise<void>;
  /** The word that an owner before has left. */
  wordOf(snapshotId: string): string | undefined;
  /** Waits without using up a slot of the concurrency limit. */
  wait<T>(wait: () => Promise<T>): Promise<T>;
}

/** Columns of the row that the settlement writes for the driver. */
export type VolumeModelUpdate = Partial<
  Pick<Volume, '_name_id' | 'provider_location' | 'provider_id' | 'provider_auth' | 'replication_status'>
> & {
  /** `admin_metadata` keys, e.g. `format`. */
  readonly adminMetadata?: Readonly<Record<string, string | null>>;
};

export type SnapshotUpdate = VolumeModelUpdate & {
  /** The guest of an attached volume opens this file from now on, of format qcow2: for what its connections say. */
  readonly activeFile?: string;
};

/** Where a volume shall live: chosen and saved in its row before any file exists. */
export interface Placement {
  readonly provider_location: string;
}

export interface PlacementRequest {
  readonly volume: Volume;
  /** GiB. */
  readonly sizeGb: number;
  /** GiB promised so far, by provider_location, from the rows of every replica and of Python peers. */
  readonly provisioned: ReadonlyMap<string, number>;
}

export interface CapacityReport {
  readonly totalGb: number;
  readonly freeGb: number;
  readonly provisionedGb: number;
}

/** A driver's figures for the scheduler; the keys are the scheduler's (spec: service-lifecycle.md §6). */
export interface DriverStats {
  readonly capabilities: Readonly<Record<string, string | number | boolean | null>>;
  readonly shares: readonly {
    readonly location: string;
    readonly capacity: CapacityReport | null;
    readonly problem?: string;
  }[];
}

export interface DriverInfo {
  readonly driverClass: string;
  readonly version: string;
  /** Whether several services may work on this backend at once. */
  readonly activeActive: boolean;
  /** `nfs`: the prefix of the driver's lock names and the driver_volume_type. */
  readonly prefix: string;
  readonly storageProtocol: string;
  /** volumes.shared_targets of its volumes. */
  readonly sharedTargets: boolean | null;
}

/** Sources of a new volume's content. */
export type CloneSource =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot; readonly volume: Volume }
  | { readonly kind: 'volume'; readonly volume: Volume };

/** Optional abilities; presence is the ability. Every method gives the same end state however often it is run. */
export interface SnapshotAbility {
  create(snapshot: Snapshot, volume: Volume, work: DriverWork): Promise<SnapshotUpdate>;
  /** Success where nothing of it exists any more. */
  remove(snapshot: Snapshot, volume: Volume, work: DriverWork): Promise<VolumeModelUpdate>;
}

export interface CloneAbility {
  /** `volume.provider_location` is set; the result has exactly the volume's size, also when larger than the source. */
  create(volume: Volume, source: CloneSource, work: DriverWork): Promise<VolumeModelUpdate>;
}

/** An image on this machine, inspected already. */
export interface InspectedImage {
  readonly path: string;
  /** As qemu-img calls it. */
  readonly format: string;
  readonly virtualBytes: number;
}

export interface ImageAbility {
  /** Of the volumes that it writes. */
  readonly format: 'raw' | 'qcow2';
  /**
   * Puts the image in the place of whatever the volume's file holds, complete or not at all; the volume has exactly its
   * size afterwards. A volume with snapshots is refused.
   */
  write(volume: Volume, image: InspectedImage, work: DriverWork): Promise<VolumeModelUpdate>;
  /** What the volume shows, its snapshots' data included, as a file of a format that qemu-img knows. */
  read(
    volume: Volume,
    to: { readonly path: string; readonly format: string; readonly compress: boolean },
    work: DriverWork,
  ): Promise<void>;
}

/** What a host needs to reach a volume: os-brick's and Nova's own words, so the keys are theirs. */
export interface ConnectionInfo {
  readonly driver_volume_type: string;
  readonly data: JsonObject;
  readonly mount_point_base?: string;
}

export interface ConnectionAbility {
  /** Lets the host of this connector reach the volume, as it is now: nothing may change its files meanwhile. */
  connect(
    volume: Volume,
    connector: JsonObject,
    work: DriverWork,
  ): Promise<{ readonly info: ConnectionInfo; readonly update: VolumeModelUpdate }>;
  /**
   * The end of it; `connector` null: of every host's. Answers whether another attachment of this host still needs what
   * is there, which stays then.
   */
  disconnect(volume: Volume, connector: JsonObject | null, work: DriverWork): Promise<boolean>;
}

export interface ExtendRequest {
  readonly volume: Volume;
  /** GiB; not less than the volume's. */
  readonly sizeGb: number;
  /** GiB promised so far, by provider_location. */
  readonly provisioned: ReadonlyMap<string, number>;
}

export interface ExtendAbility {
  /** Success where it has that size already. Its snapshots keep theirs. */
  extend(request: ExtendRequest, work: DriverWork): Promise<VolumeModelUpdate>;
}

export interface RevertAbility {
  /** Everything written to the volume since the snapshot, its latest one, is gone; the volume keeps its size. */
  revert(volume: Volume, snapshot: Snapshot, work: DriverWork): Promise<VolumeModelUpdate>;
}

/** A volume that has come here from another backend, in the row that was made for it. */
export interface Arrival {
  readonly volume: Volume;
  readonly target: Volume;
  /** Whether it may have the volume's own name. */
  readonly rename: boolean;
}

/** A volume on its way to another backend, whose service has made the target and says how to reach it. */
export interface Passage {
  readonly volume: Volume;
  readonly target: Volume;
  /** The other service's answer to initialize_connection. */
  readonly connection: JsonObject;
}

export interface MigrationAbility {
  /**
   * A migration carries what the volume shows, and has the rest deleted.
   *
   * @throws CinderError InvalidVolume where its files hold snapshots that have no row (any more)
   */
  requireNoSnapshots(volume: Volume, work: DriverWork): Promise<void>;
  /**
   * Puts what the detached volume shows in the place of what the target's file holds, complete or not at all, in the
   * target's format. `renamed`: the file has the volume's name already.
   */
  copy(passage: Passage, renamed: boolean, work: DriverWork): Promise<void>;
  /** Whether the other service has given the target's file the volume's name. */
  isRenamed(passage: Passage, work: DriverWork): Promise<boolean>;
  /**
   * The end of a migration on the backend that the volume has come to. Answers whose id names its data from now on: the
   * volume's where it was renamed, else still the target's.
   */
  arrive(arrival: Arrival, work: DriverWork): Promise<{ readonly nameId: string; readonly update: VolumeModelUpdate }>;
}

/**
 * Taking in volumes that are on the storage already. A reference is an operator's, unchecked: whatever it is, it names
 * something of this backend or is refused (`ManageExistingInvalidReference`).
 */
export interface ManageAbility {
  /** On what the reference names, beside the volume's own; none for a reference that names nothing. */
  locksFor(reference: Json): readonly LockName[];
  /** What it names, and that it may be taken in. Nothing is changed; what was taken in for this volume is found too. */
  find(volume: Volume, reference: Json, work: DriverWork): Promise<FoundVolume>;
  /** Makes it the volume's; the row says by then what `find` answered. */
  take(volume: Volume, reference: Json, work: DriverWork): Promise<VolumeModelUpdate>;
  /** All that could be a volume, and what of it is one: a hint, which `find` checks again. */
  list(survey: Survey): Promise<readonly ManageableVolume[]>;
}

export interface ManageableVolume {
  /** For `find`; equal ones are equal in JSON. */
  readonly reference: { readonly 'source-name': string };
  /** GiB, rounded up; null: not known. */
  readonly sizeGb: number | null;
  /** Null: nothing speaks against it. */
  readonly reasonNotSafe: string | null;
  /** Whose it is already. */
  readonly cinderId: string | null;
}

/** The same for snapshots that were let go of, and are still in their volume. */
export interface ManageSnapshotAbility {
  find(
    snapshot: Snapshot,
    volume: Volume,
    reference: Json,
    work: DriverWork,
  ): Promise<{ /** GiB, rounded up. */ readonly sizeGb: number }>;
  take(snapshot: Snapshot, volume: Volume, reference: Json, work: DriverWork): Promise<VolumeModelUpdate>;
  list(survey: Survey): Promise<readonly ManageableSnapshot[]>;
}

export interface ManageableSnapshot extends ManageableVolume {
  /** Of its volume. */
  readonly sourceReference: { readonly 'source-name': string };
}

/** What was put right about one file, or why it was left as it is. */
export interface Mending {
  /** Its path on this machine. */
  readonly file: string;
  readonly done: boolean;
  readonly what: string;
}

/**
 * Putting right what interrupted owners left, as far as it is beyond doubt: under the volume's locks, after a look of its
 * own. What could still be somebody's data stays.
 */
export interface UpkeepAbility {
  mend(volume: Volume, work: DriverWork): Promise<readonly Mending[]>;
  /** The same for files that are called after a volume that there is no row of. */
  clear(place: Placement & { readonly nameId: string }, work: DriverWork): Promise<readonly Mending[]>;
}

export interface FoundVolume extends Placement {
  /** GiB, rounded up. */
  readonly sizeGb: number;
}

/**
 * A storage backend. `start` sets it up (mounts, checks) and throws what hinders it; it can be started again.
 * `locksFor…` names the locks that the methods need; the caller takes them, together with its own, before it calls.
 */
export interface VolumeDriver extends Component {
  readonly info: DriverInfo;
  locksForVolume(volumeId: string): readonly LockName[];
  /** Known before anything is created; throws `NfsNoSuitableShareFound` and the like. */
  place(request: PlacementRequest, work: StepGuard): Promise<Placement>;
  /** Makes the volume's file at its `provider_location`; a complete one of ours that is there already is success. */
  create(volume: Volume, work: DriverWork): Promise<VolumeModelUpdate>;
  /** Removes everything of the volume, whatever state an interrupted predecessor left; missing files are success. */
  remove(volume: Volume, work: DriverWork): Promise<void>;
  stats(guard: StepGuard, provisioned: ReadonlyMap<string, number>): Promise<DriverStats>;
  /** The locations (shares) that may hold volumes, for `provisioned`. */
  locations(): readonly string[];
  /** Whether files are handled as the service user, which backups ask before they open one. Known when it is set up. */
  secureFileOperations(): boolean;
  readonly connection: ConnectionAbility;
  readonly snapshots?: SnapshotAbility;
  readonly clone?: CloneAbility;
  readonly image?: ImageAbility;
  readonly growth?: ExtendAbility;
  readonly reversal?: RevertAbility;
  readonly migration?: MigrationAbility;
  /** Letting go of a volume or a snapshot leaves all as it is, so that it can be taken in again. */
  readonly manage?: ManageAbility;
  readonly manageSnapshot?: ManageSnapshotAbility;
  readonly upkeep?: UpkeepAbility;
}
