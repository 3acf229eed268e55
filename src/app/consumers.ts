import type { Config } from '../config/load.ts';
import type { NewEntry } from '../db/ports/custody.ts';
import { parseHost } from '../domain/host.ts';
import type { Component, Health } from '../kernel/component.ts';
import type { Logger } from '../log/logger.ts';
import type { RpcService } from '../rpc/method.ts';
import { RpcServer } from '../rpc/rpc-server.ts';
import type { BackendUnit } from '../service/backend-unit.ts';
import type { Backends } from '../service/backends.ts';
import { serviceMethods } from '../service/methods/index.ts';
import type { LogControl } from '../service/methods/service-method.ts';
import { createServiceRpc } from '../service/service-rpc.ts';
import type { CallCustody } from '../volume/call-custody.ts';
import { calls } from '../volume/calls/index.ts';
import type { Door } from '../volume/door.ts';
import type { OperationPorts } from '../volume/operation.ts';
import { createRpcService } from '../volume/rpc-service.ts';
import { logLevelList } from './log-level-list.ts';
import type { Messaging } from './messaging-parts.ts';

/** The topic of every cinder-volume. */
const TOPIC = 'cinder-volume';

/** Messages of one queue that may wait here while the journal cannot be reached; acknowledged ones do not count. */
const PREFETCH = 256;

export interface ConsumersOptions {
  readonly config: Config;
  readonly version: string;
  readonly messaging: Messaging;
  readonly backends: Backends;
  readonly ports: ReadonlyMap<string, OperationPorts>;
  readonly door: Door;
  readonly custody: CallCustody;
  readonly logs: LogControl;
  readonly log: Logger;
}

/**
 * The queues of the backends that are served, known only after they have started. Each backend has upstream's two
 * servers, and a third where it belongs to a cluster:
 *
 *     cinder-volume                    server host@backend      casts without a host, the schedulers' fanout
 *     cinder-volume.host@backend       server host              what is sent to this host
 *     cinder-volume.cluster@backend    server cluster           what any member may do
 */
export class Consumers implements Component {
  readonly name = 'consumers';
  readonly #options: ConsumersOptions;
  #servers: readonly RpcServer[] = [];

  constructor(options: ConsumersOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#servers = this.#options.backends.started.flatMap((unit) => this.#serversOf(unit));
    await Promise.all(this.#servers.map((server) => server.start(signal)));
  }

  async stop(how: { force: AbortSignal }): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop(how)));
  }

  health(): Health {
    const broken = this.#servers.map((server) => server.health()).find(({ ok }) => !ok);
    return broken ?? { ok: this.#servers.length > 0, detail: `${this.#servers.length} consumers` };
  }

  /** A message to ourselves through every consumer: proof that we are not deaf. */
  async probe(signal: AbortSignal): Promise<Health> {
    await Promise.all(this.#servers.map((server) => server.probe(signal)));
    return this.health();
  }

  #serversOf(unit: BackendUnit): readonly RpcServer[] {
    const service = this.#serviceOf(unit);
    if (service === null) return [];
    const own = parseHost(unit.host).host;
    const targets = [
      { topic: TOPIC, server: unit.host },
      { topic: `${TOPIC}.${unit.host}`, server: own },
    ];
    if (unit.cluster !== null)
      targets.push({ topic: `${TOPIC}.${unit.cluster}`, server: parseHost(unit.cluster).host });
    return targets.map((target) => this.#server(target, service));
  }

  #server(target: { topic: string; server: string }, service: RpcService): RpcServer {
    const { config, messaging, log } = this.#options;
    const { service: settings, rabbit, activeActive } = config.settings;
    return new RpcServer({
      transport: messaging.transport,
      target: { exchange: settings.controlExchange, ...target },
      service,
      replies: messaging.replies,
      log,
      prefetch: rabbit.rabbitQosPrefetchCount === 0 ? PREFETCH : rabbit.rabbitQosPrefetchCount,
      maxCalls: activeActive.callLane,
      responseTimeoutMs: () => settings.rpcResponseTimeoutMs,
      pingEnabled: settings.rpcPingEnabled,
    });
  }

  /** The table of methods of one backend: the service's own before those of volumes. */
  #serviceOf(unit: BackendUnit): RpcService | null {
    const { ports, door, custody, version, config, logs, log } = this.#options;
    const own = ports.get(unit.workOf);
    if (own === undefined) return null;
    const inner = createRpcService({
      door,
      custody,
      ports: own,
      calls,
      version,
      callLane: config.settings.activeActive.callLane,
      log,
    });
    const takeUp = (entries: readonly NewEntry[]): Promise<number> => door.receiveOwn(entries);
    return createServiceRpc({
      methods: serviceMethods({ db: own.db, backend: unit, logs, logLevelList, takeUp, log }),
      inner,
      castDeadlineMs: config.settings.service.rpcResponseTimeoutMs,
      log,
    });
  }
}
