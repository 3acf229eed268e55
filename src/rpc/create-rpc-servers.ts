import { noTally, type Tally } from '../kernel/tally.ts';
import type { Logger } from '../log/logger.ts';
import { parseHost } from '../domain/host.ts';
import type { RpcService } from './method.ts';
import type { ReplySender } from './reply-sender.ts';
import { copiesOf } from './queue-names.ts';
import { RpcServer, type RpcTarget } from './rpc-server.ts';
import type { Transport } from './transport.ts';

/** The topic of every cinder-volume. */
const TOPIC = 'cinder-volume';

/**
 * Where `rabbit_qos_prefetch_count` sets no limit: enough to keep the journal busy, little enough to hold in memory
 * while the journal cannot be reached; acknowledged ones do not count.
 */
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
  /** Whether copies of requests are kept where a restart of the broker takes their queues with it. */
  readonly keepCopies?: boolean;
  readonly tally?: Tally;
}

/**
 * The servers of one backend, upstream's two, and a third where it belongs to a cluster:
 *
 *     cinder-volume                    server host@backend      casts without a host, the schedulers' fanout
 *     cinder-volume.host@backend       server host              what is sent to this host
 *     cinder-volume.cluster@backend    server cluster           what any member may do
 */
export function createRpcServers(given: CreateRpcServersOptions): readonly RpcServer[] {
  const { backendHost, cluster = null, controlExchange: exchange } = given;
  const targetOf = (backend: string): RpcTarget => {
    const topic = `${TOPIC}.${backend}`;
    const copied = given.keepCopies === true ? { copies: copiesOf(topic) } : {};
    return { exchange, topic, server: parseHost(backend).host, ...copied };
  };
  const targets: readonly RpcTarget[] = [
    { ...targetOf(backendHost), topic: TOPIC, server: backendHost },
    targetOf(backendHost),
    ...(cluster === null ? [] : [targetOf(cluster)]),
  ];
  const { transport, service, replies, log, maxCalls, responseTimeoutMs } = given;
  const { pingEnabled = false, tally = noTally } = given;
  const prefetch = given.prefetch === undefined || given.prefetch === 0 ? DEFAULT_PREFETCH : given.prefetch;
  const common = { transport, service, replies, log, prefetch, maxCalls, responseTimeoutMs };
  return targets.map((target) => new RpcServer({ ...common, pingEnabled, tally, target }));
}
