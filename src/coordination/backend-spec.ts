/** How to reach a lock service: plain data, checked, so that it can be handed to the worker thread. */
export type BackendSpec = MemorySpec | FileSpec | ZookeeperSpec | RedisSpec | EtcdSpec | MysqlSpec | MemcachedSpec;

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

/** Files in PEM. */
export interface TlsFiles {
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
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
  readonly tls?: TlsFiles;
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

export interface EtcdSpec {
  readonly kind: 'etcd';
  /** Members of one cluster; the next is asked where one does not answer. */
  readonly servers: readonly [HostPort, ...HostPort[]];
  /** `etcd3+https://`; without a `caFile` the system's authorities. */
  readonly tls?: TlsFiles;
  readonly username?: string;
  readonly password?: string;
  /** The gateway's name; found out if it is not given. */
  readonly apiVersion?: string;
  readonly memberId: string;
  readonly ttlMs: number;
  readonly beatMs: number;
  readonly commandTimeoutMs: number;
  readonly reconnect: ReconnectSpec;
}

export interface MysqlSpec {
  readonly kind: 'mysql';
  readonly address: HostPort | { readonly socketPath: string };
  readonly username?: string;
  readonly password?: string;
  readonly database?: string;
  readonly tls?: TlsFiles & { readonly verify: boolean; readonly checkHost: boolean; readonly ciphers?: string };
  readonly ttlMs: number;
  readonly beatMs: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly reconnect: ReconnectSpec;
}

export interface MemcachedSpec {
  readonly kind: 'memcached';
  readonly host: string;
  readonly port: number;
  readonly memberId: string;
  readonly ttlMs: number;
  readonly beatMs: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly reconnect: ReconnectSpec;
}
