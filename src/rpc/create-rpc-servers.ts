import type { Logger } from '../log/logger.ts';
import { parseHost } from '../domain/host.ts';
import type { RpcService } from './method.ts';
import type { ReplySender } from './reply-sender.ts';
import { RpcServer } from './rpc-server.ts';
import type { Transport } from './transport.ts';

const TOPIC = 'cinder-volume';
/** Where `rabbit_qos_prefetch_count` sets no limit: enough to keep the journal busy, little enough to hold in memory. */
const DEFAULT_PREFETCH = 256;

export interface CreateRpcServersOptions {
  readonly transport: Transport;
  readonly controlExchange: string;
  readonly service: RpcService;
  readonly replies: ReplySender;
  readonly log: Logger;
  /** `host@backend`, as in the services row. */
  readonly backendHost: string;
  /** `cluster@backend`, if the backend is in a cluster. */
  readonly cluster?: string | null;
  /** `rabbit_qos_prefetch_count`; 0: our own limit. */
  readonly prefetch?: number;
  /** Calls that one server runs at the same time. */
  readonly maxCalls: number;
  readonly responseTimeoutMs: () => number;
  readonly pingEnabled?: boolean;
}

/**
 * The servers of one backend, as cinder-volume has them: one for casts to any volume service and for senders from
 * before Ocata, one for the backend, and one for its cluster, whose queue is shared by the members.
 */
export function createRpcServers(given: CreateRpcServersOptions): readonly RpcServer[] {
  const { backendHost, cluster = null, controlExchange: exchange } = given;
  const targets = [
    { exchange, topic: TOPIC, server: backendHost },
    { exchange, topic: `${TOPIC}.${backendHost}`, server: parseHost(backendHost).host },
    ...(cluster === null ? [] : [{ exchange, topic: `${TOPIC}.${cluster}`, server: parseHost(cluster).host }]),
  ];
  const { transport, service, replies, log, maxCalls, responseTimeoutMs, pingEnabled = false } = given;
  const prefetch = given.prefetch === undefined || given.prefetch === 0 ? DEFAULT_PREFETCH : given.prefetch;
  const common = { transport, service, replies, log, prefetch, maxCalls, responseTimeoutMs, pingEnabled };
  return targets.map((target) => new RpcServer({ ...common, target }));
}
