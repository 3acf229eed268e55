/** How to reach a lock service: plain data, checked, so that it can be handed to the worker thread. */
export type BackendSpec = MemorySpec | FileSpec | ZookeeperSpec | RedisSpec;

export interface MemorySpec {
  readonly kind: 'memory';
}

export interface FileSpec {
  readonly kind: 'file';
  readonly directory: string;
  readonly ttlMs: number;
  readonly timeoutMs: number;
}

/** Waiting times between attempts to reach a server again. */
export interface ReconnectSpec {
  readonly initialMs: number;
  readonly maxMs: number;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface ZookeeperSpec {
  readonly kind: 'zookeeper';
  readonly servers: readonly [HostPort, ...HostPort[]];
  /** Whether the servers are tried in an order of our own, so that replicas spread over them. */
  readonly shuffle: boolean;
  readonly namespace: string;
  /** `user:password` of the digest scheme. */
  readonly digest?: string;
  readonly sessionTimeoutMs: number;
  readonly memberId: string;
  readonly reconnect: ReconnectSpec;
}

/** How Tooz spells a lock's key: before release 9 (`old`), from it on (`new`), or taken in both spellings. */
export type RedisKeyForm = 'old' | 'new' | 'both';

export interface RedisSpec {
  readonly kind: 'redis';
  readonly address:
    | { readonly type: 'tcp'; readonly host: string; readonly port: number }
    | { readonly type: 'unix'; readonly path: string }
    | {
        readonly type: 'sentinel';
        readonly master: string;
        readonly sentinels: readonly [HostPort, ...HostPort[]];
        readonly username?: string;
        readonly password?: string;
        readonly tls: boolean;
      };
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls?: { readonly certFile?: string; readonly keyFile?: string; readonly caFile?: string };
  readonly namespace: string;
  readonly keyForm: RedisKeyForm;
  readonly ttlMs: number;
  readonly beatMs: number;
  readonly connectTimeoutMs: number;
  /** After that long without an answer a command's connection is given up. */
  readonly commandTimeoutMs: number;
  readonly keepAlive: boolean;
  readonly reconnect: ReconnectSpec;
}
