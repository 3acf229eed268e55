import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type zookeeper from 'node-zookeeper-client';

/** Protocol records of node-zookeeper-client, for a request that it sends by itself only, after a reconnection. */
const jute = createRequire(import.meta.url)('node-zookeeper-client/lib/jute') as {
  readonly OP_CODES: { readonly SET_WATCHES: number };
  readonly Request: new (header: object, payload: object) => object;
  readonly protocol: {
    readonly RequestHeader: new (xid: number, type: number) => object;
    readonly SetWatches: new (zxid: Buffer, data: Paths, exist: Paths, child: Paths) => object;
  };
};

type Paths = readonly string[];
export type OnEvent = (event: zookeeper.Event) => void;

/** What is needed of node-zookeeper-client's connection manager. */
export interface Watching {
  /** The last change that an answer of the server has told of. */
  readonly zxid: Buffer;
  readonly watcherManager: { readonly dataWatchers: Record<string, EventEmitter> };
  registerDataWatcher(path: string, onEvent: OnEvent): void;
  queue(request: object, done: (error: Error | null) => void): void;
}

/**
 * Watches several nodes by one request, which asks for no data; the library's own calls are one for each node. Of a
 * node that has gone, or changed since the server's last answer, there is an event at once.
 */
export function watchNodes(manager: Watching, paths: Paths, onEvent: OnEvent, done: (error: unknown) => void): void {
  for (const path of paths) manager.registerDataWatcher(path, onEvent);
  const header = new jute.protocol.RequestHeader(0, jute.OP_CODES.SET_WATCHES);
  manager.queue(new jute.Request(header, new jute.protocol.SetWatches(manager.zxid, paths, [], [])), done);
}

/** The server cannot be told: its event, when it comes, finds nobody. */
export function unwatchNodes({ watcherManager }: Watching, paths: Paths, onEvent: OnEvent): void {
  const { dataWatchers } = watcherManager;
  for (const path of paths) {
    const listeners = dataWatchers[path]?.removeListener('notification', onEvent);
    if (listeners?.listenerCount('notification') === 0) Reflect.deleteProperty(dataWatchers, path);
  }
}
