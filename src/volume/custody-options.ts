import type { Coordinator } from '../coordination/coordinator.ts';
import type { Database } from '../db/database.ts';
import type { Claim, NewIncarnation } from '../db/ports/custody.ts';
import type { RequestContext } from '../domain/context.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Tally } from '../kernel/tally.ts';
import type { Logger } from '../log/logger.ts';
import type { MessageSender } from '../rpc/notifier.ts';
import type { Operation, OperationPorts } from './operation.ts';

/** What the journal holds is the wire's own text; this reads it again. `app.ts` makes it from the rpc room. */
export interface RequestCodec {
  /** Versioned objects as plain data under their field names; throws `InvalidInputError` or a wire error. */
  plain(wireArgs: JsonObject): JsonObject;
  /** The request's context, without a token: whoever needs Glance or Nova acts as the service user. */
  context(wireContext: JsonObject): RequestContext;
  /** The context, in the wire's form, of what the service does by itself. */
  serviceContext(): JsonObject;
}

/**
 * Called between any two steps with the step's name and, once there is one, the claim that it stands on; tests stop the
 * process there. It must do nothing in production.
 */
export type Failpoints = (name: string, claim?: Claim) => Promise<void>;

export const noFailpoints: Failpoints = () => Promise.resolve();

export interface CustodyTimings {
  /** `[cinder_volume_aa] incarnation_heartbeat`. */
  readonly incarnationHeartbeatMs: number;
  /** `[cinder_volume_aa] presumed_dead_after`: owners that are silent for longer lose their entries. */
  readonly presumedDeadAfterMs: number;
  /** Between two looks for entries of silent owners. */
  readonly takeoverIntervalMs: number;
  /** `[cinder_volume_aa] reconcile_interval`. */
  readonly reconcileIntervalMs: number;
  /** Twice the scheduler's own wait: younger rows are still on their way. */
  readonly reconcileOlderThanMs: number;
  /** The scheduler's own wait: so long after a broker was lost, what was sent before has come, or never will. */
  readonly reconcileAfterLossMs: number;
  /** `[cinder_volume_aa] lock_wait_warning`; 0: never. */
  readonly lockWaitWarningMs: number;
  /** The pause before a given-back entry is tried here again: at first, and at most. */
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  /** How long finished entries are kept, by which duplicates are known. */
  readonly keepFinishedMs: number;
  readonly purgeIntervalMs: number;
  /** At a forced stop: how long running work may take to notice before it is left behind. */
  readonly forcedStopMs: number;
}

export const defaultTimings: CustodyTimings = {
  incarnationHeartbeatMs: 1_000,
  presumedDeadAfterMs: 4_000,
  takeoverIntervalMs: 500,
  reconcileIntervalMs: 60_000,
  reconcileOlderThanMs: 300_000,
  reconcileAfterLossMs: 60_000,
  lockWaitWarningMs: 60_000,
  retryInitialMs: 500,
  retryMaxMs: 60_000,
  keepFinishedMs: 7 * 86_400_000,
  purgeIntervalMs: 600_000,
  forcedStopMs: 5_000,
};

/** What the parts of custody share. */
export interface CustodyOptions {
  readonly db: Database;
  readonly coordinator: Coordinator;
  readonly operations: readonly Operation[];
  /** By `backend.workOf`, the journal's `backend`. */
  readonly ports: ReadonlyMap<string, OperationPorts>;
  readonly codec: RequestCodec;
  readonly sender: MessageSender;
  readonly incarnation: NewIncarnation;
  /** How many entries of one backend run their steps at a time; waiting for locks does not count. */
  readonly slots: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly timings: CustodyTimings;
  readonly failpoints: Failpoints;
  readonly tally: Tally;
}
