import type { Static, TObject } from '@sinclair/typebox';
import type { LockName } from '../coordination/lock-names.ts';
import type { EntryOutcome } from '../db/ports/custody.ts';
import type { Json } from '../domain/json.ts';
import { delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import { FifoSemaphore } from '../kernel/fifo-semaphore.ts';
import type { Logger } from '../log/logger.ts';
import type { RpcRequest, RpcService } from '../rpc/method.ts';
import type { CallCustody, CallScope } from './call-custody.ts';
import { checkArgs } from './check-args.ts';
import { NotServingError, type Door } from './door.ts';
import type { OperationPorts } from './operation.ts';

export interface CallContext {
  readonly request: RpcRequest;
  /** Aborts when the caller cannot be waiting any more. */
  readonly signal: AbortSignal;
  readonly ports: OperationPorts;
  readonly log: Logger;
  /**
   * For a call whose work must not depend on its caller's patience: journals it for the operation of the same name, and
   * waits for its end as long as the caller does.
   */
  readonly carried: () => Promise<EntryEnd>;
  /** Runs `work` under these locks, as long as the caller waits; see `CallCustody`. */
  readonly locked: <T>(names: readonly LockName[], work: (scope: CallScope) => Promise<T>) => Promise<T>;
}

/** How an entry ended. */
export interface EntryEnd {
  readonly outcome: EntryOutcome;
  readonly detail: string | null;
}

/** One RPC call: answered while its caller waits, safe to run again, not journalled. */
export interface RpcCall<A extends TObject = TObject> {
  readonly name: string;
  /** Of the request's plain arguments. */
  readonly args: A;
  run(args: Static<A>, context: CallContext): Promise<Json>;
}

export interface RpcServiceOptions {
  readonly door: Door;
  readonly custody: CallCustody;
  /** Of the backend whose queues bring the requests. */
  readonly ports: OperationPorts;
  readonly calls: readonly RpcCall[];
  /** `3.n`. */
  readonly version: string;
  /** `[cinder_volume_aa] call_lane`: how many calls run at a time. */
  readonly callLane: number;
  readonly log: Logger;
}

/** One backend's table of methods: casts go through the door, calls have a lane of their own beside it. */
export function createRpcService(options: RpcServiceOptions): RpcService {
  const { door, custody, ports, version, log } = options;
  const calls = new Map(options.calls.map((call) => [call.name, call]));
  const lane = new FifoSemaphore(options.callLane);
  return {
    version,
    kindOf: (method) => (calls.has(method) ? 'call' : door.serves(method) ? 'cast' : null),
    accept: (request) => door.receive(request, ports.backend.workOf),
    call: async (request, signal) => {
      const call = calls.get(request.method);
      if (call === undefined) throw new NotServingError(`no call ${request.method}`);
      const args = checkArgs(call.args, request.plain);
      const callLog = log.child({ request_id: request.context.request_id });
      // Who waits here past the caller's patience is not started at all.
      const patience = { signal, log: callLog };
      return lane.with(signal, () =>
        call.run(args, {
          ...{ request, ports, ...patience },
          carried: () => carry(request, signal, options),
          locked: (names, work) => custody.locked(names, patience, work),
        }),
      );
    },
  };
}

/** A message that comes twice, here or to another replica, is one entry: both wait for its end. */
async function carry(request: RpcRequest, signal: AbortSignal, options: RpcServiceOptions): Promise<EntryEnd> {
  const { door, ports } = options;
  await door.receive(request, ports.backend.workOf);
  const backoff = new Backoff({ initialMs: 50, maxMs: 1_000 });
  for (;;) {
    const end = await ports.db.journal.endOf(request.uniqueId);
    if (end === null) throw new NotServingError(`the journal has not taken ${request.method}`);
    if (end.outcome !== null) return { outcome: end.outcome, detail: end.detail };
    await delay(backoff.nextMs(), signal);
  }
}
