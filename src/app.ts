import { randomUUID } from 'node:crypto';
import { createBackendUnit } from './app/backend-parts.ts';
import { databaseOptions } from './app/database-options.ts';
import { createHttp } from './app/health-parts.ts';
import { Consumers } from './app/consumers.ts';
import { MeasuredCoordinator } from './app/measured-coordinator.ts';
import { createMessaging } from './app/messaging-parts.ts';
import type { Config } from './config/load.ts';
import { createCoordinator } from './coordination/create.ts';
import { openDatabase } from './db/open-database.ts';
import type { Component } from './kernel/component.ts';
import { Lifecycle } from './kernel/lifecycle.ts';
import type { Logger } from './log/logger.ts';
import type { Log } from './log/create-logger.ts';
import { BootClock } from './native/boot-clock.ts';
import { Backends } from './service/backends.ts';
import type { VolumeRpcVersion } from './service/identity.ts';
import { createDoor } from './volume/create-door.ts';
import type { OperationPorts } from './volume/operation.ts';
import { operations } from './volume/operations/index.ts';

/** What we serve: every method of upstream's release Zed. */
const RPC_VERSION = '3.18' satisfies VolumeRpcVersion;

/** Taken off every proof of a lock, for what happens between a check and the step it allows. */
const SAFETY_MARGIN_MS = 1000;

/** A main loop that gave no sign for so long is taken for hung, and its locks are let go. */
const SILENT_MAIN_LOOP_MS = 30_000;

/** One running replica, from outside. */
export interface Replica {
  /** Resolves when requests are consumed; take-over and reconciliation go on in the background. */
  start(signal: AbortSignal): Promise<void>;
  stop(how: { force: AbortSignal }): Promise<void>;
}

/**
 * The composition root: builds every part, hands each what it needs, and orders their lives. No logic lives here.
 *
 *     database → broker → coordinator → backends → door → consumers → http → take-over, reconciliation
 */
export function createReplica(config: Config, log: Log, version: string): Replica {
  const { settings } = config;
  const named = (name: string): Logger => log.logger.child({ logger: `cinder_volume_aa.${name}` });
  const clock = new BootClock();
  const incarnation = { id: randomUUID(), host: settings.service.host, pid: process.pid, version };
  const db = openDatabase({ ...databaseOptions(settings), log: named('db') });
  const messaging = createMessaging(settings, named('rpc'));
  const coordinator = new MeasuredCoordinator(
    createCoordinator({
      ...settings.coordination,
      url: settings.coordination.backendUrl,
      safetyMarginMs: SAFETY_MARGIN_MS,
      silentMainLoopMs: SILENT_MAIN_LOOP_MS,
      clock,
      log: named('coordination'),
    }),
  );
  const around = { config, rpcVersion: RPC_VERSION, db, clock, log: named('service'), ...messaging };
  const operationSettings = {
    noSnapshotGbQuota: settings.service.noSnapshotGbQuota,
    messageTtlSeconds: settings.service.messageTtlMs / 1000,
  };
  const units = config.backends.map((name) => createBackendUnit(name, around));
  const backends = new Backends(units, named('service'));
  const ports = new Map(
    units.map((backend): [string, OperationPorts] => [
      backend.workOf,
      { db, backend, messages: messaging.messages, settings: operationSettings },
    ]),
  );
  const custody = createDoor({
    db,
    coordinator,
    operations,
    ports,
    codec: messaging.codec,
    sender: messaging.sender,
    incarnation,
    slots: settings.service.executorThreadPoolSize,
    clock,
    log: named('volume'),
    timings: {
      incarnationHeartbeatMs: settings.activeActive.incarnationHeartbeatMs,
      presumedDeadAfterMs: settings.activeActive.presumedDeadAfterMs,
      reconcileIntervalMs: settings.activeActive.reconcileIntervalMs,
      lockWaitWarningMs: settings.activeActive.lockWaitWarningMs,
    },
  });
  const consumers = new Consumers({
    config,
    version: RPC_VERSION,
    messaging,
    backends,
    ports,
    door: custody.door,
    log: named('rpc'),
  });
  const http = createHttp({
    config,
    incarnation,
    db,
    coordinator,
    backends,
    units,
    door: custody.door,
    consuming: (signal) => consumers.probe(signal),
    log: named('http'),
  });
  const parts: readonly Component[] = [
    db,
    ...messaging.transports,
    coordinator,
    backends,
    ...custody.before,
    consumers,
    http,
    ...custody.background,
  ];
  const lifecycle = new Lifecycle(parts, (event) =>
    log.logger.debug({ ...event }, `${event.component} ${event.event}`),
  );
  return {
    start: (signal) => lifecycle.start(signal),
    stop: (how) => lifecycle.stop(how),
  };
}
