import { randomUUID } from 'node:crypto';
import { createBackendUnit } from './app/backend-parts.ts';
import { coordinatorOptions } from './app/coordinator-options.ts';
import { databaseOptions } from './app/database-options.ts';
import { createHttp } from './app/health-parts.ts';
import { createImages, imageCacheOf, type ImageParts } from './app/image-parts.ts';
import { createKeys } from './app/key-parts.ts';
import { Consumers } from './app/consumers.ts';
import { MeasuredCoordinator } from './app/measured-coordinator.ts';
import { createNova } from './app/keystone-parts.ts';
import { createPeers } from './app/peers.ts';
import { createMembers } from './app/member-parts.ts';
import { createMessaging, type Messaging } from './app/messaging-parts.ts';
import { wireObjects } from './app/wire-objects.ts';
import type { Config } from './config/load.ts';
import type { Settings } from './config/options/index.ts';
import { createCoordinator } from './coordination/create.ts';
import type { Database } from './db/database.ts';
import { openDatabase } from './db/open-database.ts';
import type { Clock } from './kernel/clock.ts';
import type { Component, Health } from './kernel/component.ts';
import { Lifecycle } from './kernel/lifecycle.ts';
import { TallyBoard } from './kernel/tally.ts';
import type { KeyManager } from './keys/key-manager.ts';
import type { Logger } from './log/logger.ts';
import type { Log } from './log/create-logger.ts';
import { BootClock } from './native/boot-clock.ts';
import type { BackendUnit } from './service/backend-unit.ts';
import { Backends } from './service/backends.ts';
import { RPC_VERSION } from './service/identity.ts';
import type { Compute } from './volume/compute.ts';
import { createDoor } from './volume/create-door.ts';
import type { CustodyTimings, Failpoints } from './volume/custody-options.ts';
import type { OperationPorts } from './volume/operation.ts';
import { operations } from './volume/operations/index.ts';
import { Provisioned } from './volume/provisioned.ts';

/** One running replica, from outside. */
export interface Replica {
  /** Resolves when requests are consumed; take-over and reconciliation go on in the background. */
  start(signal: AbortSignal): Promise<void>;
  stop(how: { force: AbortSignal }): Promise<void>;
}

/**
 * The composition root: builds every part, hands each what it needs, and orders their lives. No logic lives here.
 * `failpoints` are the fault laboratory's alone.
 *
 *     database → broker → coordinator → backends → door → members → consumers → http → take-over, reconciliation
 */
export function createReplica(config: Config, log: Log, version: string, failpoints?: Failpoints): Replica {
  const { settings } = config;
  const named = (name: string): Logger => log.logger.child({ logger: `cinder_volume_aa.${name}` });
  const clock = new BootClock();
  const db = openDatabase({ ...databaseOptions(settings), log: named('db') });
  const tally = new TallyBoard();
  const messaging = createMessaging(settings, tally.tell, named('rpc'));
  const locks = { ...coordinatorOptions(settings), clock, log: named('coordination') };
  const unmeasured = createCoordinator(locks);
  const coordinator = new MeasuredCoordinator(unmeasured, tally.tell);
  const nova = createNova(settings);
  const around = { config, assisted: nova, db, clock, log: named('service'), ...messaging };
  const units = config.backends.map((name) => createBackendUnit(name, around));
  const serves = units.map(({ workOf }) => workOf);
  const incarnation = { id: randomUUID(), host: settings.service.host, pid: process.pid, version, serves };
  const { incarnations } = db;
  const sides = { coordinator: unmeasured, incarnations, units, incarnation, messaging, settings, clock };
  const members = createMembers({ ...sides, log: locks.log });
  const backends = new Backends(units, named('service'));
  const images = createImages({ settings, incarnation: incarnation.id, db, clock, log: named('images') });
  const keys = createKeys(settings, named('keys'));
  const ports = portsOf(units, db, messaging, { config, images, nova, keys }, clock);
  const custody = createDoor({
    ...{ db, coordinator, operations, ports, codec: messaging.codec, sender: messaging.sender, incarnation, clock },
    slots: settings.service.executorThreadPoolSize,
    timings: timingsOf(settings),
    tally: tally.tell,
    ...(settings.activeActive.keepCopies ? { copies: messaging.copies } : {}),
    log: named('volume'),
    ...(failpoints === undefined ? {} : { failpoints }),
  });
  const { door } = custody;
  const serving = { config, version: RPC_VERSION, messaging, backends, ports, door, custody: custody.calls };
  const consumers = new Consumers({ ...serving, logs: log, tally: tally.tell, log: named('rpc') });
  const consuming = (signal: AbortSignal): Promise<Health> => consumers.probe(signal);
  const { reconciler } = custody;
  tally.read(({ what }) => what === 'broker-lost' && reconciler.brokerLost());
  const looks = { config, tally, incarnation, db, coordinator, backends, units, door, reconciler, consuming };
  const http = createHttp({ ...members, ...looks, log: named('http') });
  const servers = [db, ...messaging.transports, messaging.caller, coordinator, ...images.components];
  const parts: readonly Component[] = [
    ...servers,
    backends,
    ...custody.before,
    members.meet,
    consumers,
    http,
    ...custody.background,
    members.pythonPeers,
  ];
  const lifecycle = new Lifecycle(parts, (event) =>
    log.logger.debug({ ...event }, `${event.component} ${event.event}`),
  );
  return { start: (signal) => lifecycle.start(signal), stop: (how) => lifecycle.stop(how) };
}

/** What operations are given, by whose work it is. */
function portsOf(
  units: readonly BackendUnit[],
  db: Database,
  messaging: Messaging,
  others: { readonly config: Config; readonly images: ImageParts; readonly nova: Compute; readonly keys: KeyManager },
  clock: Clock,
): ReadonlyMap<string, OperationPorts> {
  const { config, images, nova, keys } = others;
  const { service } = config.settings;
  const { host, myIp: ip } = service;
  const settings = {
    noSnapshotGbQuota: service.noSnapshotGbQuota,
    messageTtlSeconds: service.messageTtlMs / 1000,
    migrationTimeoutMs: service.migrationCreateVolumeTimeoutMs,
    connector: { host, ip, multipath: false, os_type: 'linux', platform: process.arch },
  };
  const peers = createPeers(messaging.caller, () => service.rpcResponseTimeoutMs);
  return new Map(
    units.map((backend) => {
      const provisioned = new Provisioned(db.volumes, clock);
      const imageCache = imageCacheOf(config.backend(backend.name), config.settings);
      const common = {
        db,
        backend,
        messages: messaging.messages,
        objects: wireObjects,
        provisioned,
        images: images.images,
        peers,
        compute: nova,
        keys,
      };
      return [backend.workOf, { ...common, imageCache, settings }];
    }),
  );
}

function timingsOf({ activeActive }: Settings): Partial<CustodyTimings> {
  const { incarnationHeartbeatMs, presumedDeadAfterMs, reconcileIntervalMs, lockWaitWarningMs } = activeActive;
  return { incarnationHeartbeatMs, presumedDeadAfterMs, reconcileIntervalMs, lockWaitWarningMs };
}
