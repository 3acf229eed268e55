import type { Static, TObject } from '@sinclair/typebox';
import type { Repositories } from '../../db/database.ts';
import type { NewEntry } from '../../db/ports/custody.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import type { Logger } from '../../log/logger.ts';
import type { RpcRequest } from '../../rpc/method.ts';
import type { Backend } from '../../volume/operation.ts';

export interface Asked {
  readonly request: RpcRequest;
  /** Aborts when the caller cannot be waiting any more; of a cast, when it is to be offered again. */
  readonly signal: AbortSignal;
}

/**
 * A method of the RPC table that asks or tells this process, or writes a row in one statement: it needs no journal, no
 * locks and no steps. Done twice it is the same. A cast whose `run` rejects with a database's error is offered again.
 */
export interface ServiceMethod<A extends TObject = TObject> {
  readonly name: string;
  readonly kind: 'call' | 'cast';
  /** Of the request's plain arguments. */
  readonly args: A;
  run(args: Static<A>, asked: Asked): Promise<Json>;
}

/** One enabled backend, as these methods see it. */
export interface ServedBackend extends Pick<Backend, 'workOf' | 'host' | 'cluster' | 'service' | 'ready'> {
  publishCapabilities(): void;
  /** The driver's figures as it told them last (none yet: empty), or, on `discover`, as it tells them now. */
  capabilities(discover: boolean, signal: AbortSignal): Promise<JsonObject>;
}

/** The log of this process. */
export interface LogControl {
  /** Throws `InvalidInputError` for a wrong level. */
  setLevel(prefix: string, level: string): void;
  /** The levels in effect, by logger name. */
  levels(prefix: string): Readonly<Record<string, string>>;
}

/** What the methods of one backend are given. */
export interface ServicePorts {
  readonly db: Repositories;
  readonly backend: ServedBackend;
  readonly logs: LogControl;
  /** Upstream's `LogLevelList`, in the wire's form. */
  readonly logLevelList: (levels: Readonly<Record<string, string>>) => Json;
  /** Journals entries that no message brought, and runs those that are new. */
  readonly takeUp: (entries: readonly NewEntry[]) => Promise<number>;
  readonly log: Logger;
}
