import type { RequestContext } from '../domain/context.ts';
import type { Json, JsonObject } from '../domain/json.ts';

/**
 * A request that was decoded from the wire. `plain` is what operations read: versioned objects as plain data under
 * their field names. `wire` is what goes into the journal and out again unchanged: the arguments as they stood in the
 * message, and the context's keys without the auth token.
 */
export interface RpcRequest {
  readonly method: string;
  readonly version: string;
  readonly uniqueId: string;
  readonly context: RequestContext;
  readonly plain: JsonObject;
  readonly wire: { readonly args: JsonObject; readonly context: JsonObject };
}

/** What serves requests. The rpc room knows nothing of volumes; it asks the table of methods. */
export interface RpcService {
  /** `3.n`: the newest version that it serves. */
  readonly version: string;
  /** Null: no such method. */
  kindOf(method: string): 'call' | 'cast' | null;
  /**
   * A cast: resolves when the request is safe (journalled, or known as a duplicate), after which the message is
   * acknowledged. Rejects when it could not be kept: the message stays un-acked and is offered again. A request that
   * can never run (arguments that do not fit) resolves, after it was logged.
   */
  accept(request: RpcRequest): Promise<void>;
  /** A call: its result, or an error for the caller. `signal` aborts when the caller cannot be waiting any more. */
  call(request: RpcRequest, signal: AbortSignal): Promise<Json>;
}

/** Requests that were sent to a topic and that the broker still has copies of, whether anybody received them or not. */
export interface RequestCopies {
  /**
   * Calls `onRequest` for every one of this method, oldest first; it must not throw. What cannot be understood is left
   * out. Rejects where not all could be looked at: what was not among them may be there all the same.
   */
  each(topic: string, method: string, onRequest: (request: RpcRequest) => void, signal: AbortSignal): Promise<void>;
}
