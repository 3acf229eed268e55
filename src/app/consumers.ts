import type { Config } from '../config/load.ts';
import type { NewEntry } from '../db/ports/custody.ts';
import type { Component, Health } from '../kernel/component.ts';
import type { Tally } from '../kernel/tally.ts';
import type { Logger } from '../log/logger.ts';
import { createRpcServers } from '../rpc/create-rpc-servers.ts';
import type { RpcService } from '../rpc/method.ts';
import type { RpcServer } from '../rpc/rpc-server.ts';
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

export interface ConsumersOptions {
  readonly config: Config;
  readonly version: string;
  readonly messaging: Messaging;
  readonly backends: Backends;
  readonly ports: ReadonlyMap<string, OperationPorts>;
  readonly door: Door;
  readonly custody: CallCustody;
  readonly logs: LogControl;
  readonly tally: Tally;
  readonly log: Logger;
}

/**
 * The servers of the backends that are served, which are known only after the backends have started.
 */
export class Consumers implements Component {
  readonly name = 'consumers';
  readonly #options: ConsumersOptions;
  #servers: readonly RpcServer[] = [];

  constructor(options: ConsumersOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const units = this.#options.backends.started;
    this.#servers = units.flatMap((unit) => this.#serversOf(unit));
    await Promise.all(this.#servers.map((server) => server.start(signal)));
    for (const unit of units) unit.announce();
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
    const { config, messaging, tally, log } = this.#options;
    const { service: settings, rabbit, activeActive } = config.settings;
    return createRpcServers({
      transport: messaging.transport,
      controlExchange: settings.controlExchange,
      service,
      replies: messaging.replies,
      backendHost: unit.host,
      cluster: unit.cluster,
      prefetch: rabbit.rabbitQosPrefetchCount,
      maxCalls: activeActive.callLane,
      keepCopies: activeActive.keepCopies,
      responseTimeoutMs: () => settings.rpcResponseTimeoutMs,
      pingEnabled: settings.rpcPingEnabled,
      tally,
      log,
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
