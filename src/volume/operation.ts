import type { TObject, Static } from '@sinclair/typebox';
import type { LockName } from '../coordination/lock-names.ts';
import type { Claim, OutboxMessage } from '../db/ports/custody.ts';
import type { Changes, Expected } from '../db/ports/resources.ts';
import type { Repositories } from '../db/database.ts';
import type { RequestContext } from '../domain/context.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Volume } from '../domain/rows.ts';
import type { DriverWork, VolumeDriver } from '../drivers/volume-driver.ts';
import type { Images } from '../images/image-service.ts';
import type { KeyManager } from '../keys/key-manager.ts';
import type { Logger } from '../log/logger.ts';
import type { MessageMaker } from '../rpc/notifier.ts';
import type { Compute } from './compute.ts';
import type { Peers } from './peers.ts';
import type { Provisioned } from './provisioned.ts';
import type { RowLooks } from './row-looks.ts';
import type { WireObjects } from './wire-objects.ts';

/** One enabled backend of this replica, as operations see it. */
export interface Backend {
  /** The section's name in cinder.conf. */
  readonly name: string;
  /** `host@backend`: what volumes.host begins with when this replica handles them. */
  readonly host: string;
  /** `cluster@backend`, or null. */
  readonly cluster: string | null;
  /** `cluster ?? host`: whose work this is; the journal's `backend`. */
  readonly workOf: string;
  readonly driver: VolumeDriver;
  /** Whether the driver's set-up succeeded. */
  ready(): boolean;
  /** services.id of this replica's row; workers rows and volumes.service_uuid refer to it. */
  readonly service: { readonly id: number; readonly uuid: string };
  /** Capabilities have changed (a volume came or went): report them soon. */
  capabilitiesChanged(): void;
}

/** What an operation works on: the name of an upstream object, as in the workers table. */
export type ResourceType = 'Volume' | 'Snapshot' | 'Group' | 'GroupSnapshot' | 'Service' | 'Backup';

/** The options of one backend's cache of images that are kept as volumes. */
export interface ImageCacheSettings {
  /** GiB; 0: no limit. */
  readonly maxSizeGb: number;
  /** 0: no limit. */
  readonly maxCount: number;
  /** `cinder_internal_tenant_*`. */
  readonly tenant: { readonly projectId: string; readonly userId: string };
}

/** What every operation is given. */
export interface OperationPorts {
  readonly db: Repositories;
  readonly backend: Backend;
  readonly messages: MessageMaker;
  readonly objects: WireObjects;
  readonly provisioned: Provisioned;
  readonly images: Images;
  readonly peers: Peers;
  readonly compute: Compute;
  /** Of encrypted volumes. */
  readonly keys: KeyManager;
  /** Null: images are not kept as volumes. */
  readonly imageCache: ImageCacheSettings | null;
  readonly settings: OperationSettings;
}

export interface OperationSettings {
  readonly noSnapshotGbQuota: boolean;
  readonly messageTtlSeconds: number;
  /** How long a migration waits for the other backend to make its target. */
  readonly migrationTimeoutMs: number;
  /** What this host says of itself to a backend that it wants to reach a volume of. */
  readonly connector: JsonObject;
}

/** The scope of one run of an operation's steps, under its locks and its claim. */
export interface Scope {
  readonly signal: AbortSignal;
  readonly context: RequestContext;
  /** The request as it was received, for handing on (a reschedule). */
  readonly wire: { readonly args: JsonObject; readonly context: JsonObject };
  readonly claim: Claim;
  /** This incarnation: the owner of messages that a `save` puts into the outbox together with its rows. */
  readonly owner: string;
  readonly log: Logger;
  /** For the driver: guard, commit points, owner tag. */
  readonly work: DriverWork;
  /** A guarded write between steps: runs `write` in a transaction that first checks claim and tokens. */
  save<T>(write: (db: Repositories) => Promise<T>): Promise<T>;
  /** The same for one volume's row, in one statement. Answers 0 where the row is gone or not as expected. */
  saveVolume(id: string, changes: Changes<Volume>, expected: Expected<Volume>): Promise<number>;
  /** Writes an intent or a finding that a successor must know. */
  note(notes: JsonObject): Promise<void>;
  /** Waits for somebody else without using up a slot of the concurrency limit. */
  park<T>(wait: () => Promise<T>): Promise<T>;
}

export type Result<R> = { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: Error };

/** How an entry ends: written in one transaction with the journal's outcome, or not at all. */
export interface Settlement {
  readonly outcome: 'done' | 'refused';
  /** For the journal and the log; null when done. */
  readonly detail: string | null;
  /** The row (compare-and-set), metadata, quota; the workers row goes by itself. May run more than once. */
  apply(db: Repositories): Promise<void>;
  readonly outbox: readonly OutboxMessage[];
  /** After the commit, best effort. */
  after?(): void;
}

/** What `load` answers when there is nothing to do (the row is gone, or the work is done already). */
export interface NothingToDo {
  readonly nothingToDo: string;
}

/**
 * One RPC cast, told as a straight line that can be run again from any point:
 * `locks` (first, untrusted read) → the door takes locks, tokens and claim → `load` (all that decides, read anew) →
 * `run` (steps on the backend) → `settle` (one transaction).
 *
 * An error that `run` throws with `outcome: 'unknown'` is given back, never settled: the successor looks.
 */
export interface Operation<A extends TObject = TObject, S = unknown, R = unknown> {
  readonly name: string;
  /** Of the request's plain arguments. */
  readonly args: A;
  resource(args: Static<A>): { readonly type: ResourceType; readonly id: string };
  /** The status that makes upstream keep a workers row for it; undefined: it keeps none. */
  readonly workerStatus?: 'creating' | 'deleting';
  /** `rows`: fresh at the first, untrusted read; then one look for the names under the locks and for `load`. */
  locks(args: Static<A>, ports: OperationPorts, rows: RowLooks): Promise<readonly LockName[]>;
  load(args: Static<A>, ports: OperationPorts, rows: RowLooks): Promise<S | NothingToDo>;
  run(state: S, scope: Scope, ports: OperationPorts): Promise<R>;
  settle(state: S, result: Result<R>, scope: Scope, ports: OperationPorts): Promise<Settlement>;
}
