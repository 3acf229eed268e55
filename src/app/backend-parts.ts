import type { Config } from '../config/load.ts';
import type { Database } from '../db/database.ts';
import type { JsonObject } from '../domain/json.ts';
import type { AssistedSnapshots } from '../drivers/assisted-snapshots.ts';
import { createDriver } from '../drivers/registry.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { MessageMaker, MessageSender } from '../rpc/notifier.ts';
import { BackendUnit } from '../service/backend-unit.ts';
import { CapabilityReporter } from '../service/capability-reporter.ts';
import { identityOf } from '../service/identity.ts';
import { Registration } from '../service/registration.ts';

/** What all backends of a replica share. */
export interface BackendSurroundings {
  readonly config: Config;
  readonly db: Database;
  readonly messages: MessageMaker;
  readonly sender: MessageSender;
  readonly serviceContext: () => JsonObject;
  readonly assisted: AssistedSnapshots;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One enabled backend with its driver, its services row and its reports. Nothing is started yet. */
export function createBackendUnit(name: string, around: BackendSurroundings): BackendUnit {
  const { config, db, clock } = around;
  const { service, activeActive } = config.settings;
  const options = config.backend(name);
  const log = around.log.child({ backend: name });
  const { shareTimeoutMs } = activeActive;
  const { assisted } = around;
  const surroundings = { name, options, stateDir: service.statePath, assisted, shareTimeoutMs, clock, log };
  const driver = createDriver(options.volumeDriver, surroundings);
  const identity = identityOf(name, service, options);
  return new BackendUnit({
    name,
    driver,
    registration: new Registration(db, identity, log),
    reportIntervalMs: service.reportIntervalMs,
    reinitDriverCount: service.reinitDriverCount,
    log,
    reporter: (ready) =>
      new CapabilityReporter({
        backend: { host: identity.host, cluster: identity.clusterName },
        driver,
        ready,
        volumes: db.volumes,
        databaseTime: () => db.time(),
        messages: around.messages,
        sender: around.sender,
        context: around.serviceContext,
        extras: {
          extraCapabilities: options.extraCapabilities,
          filterFunction: options.filterFunction,
          goodnessFunction: options.goodnessFunction,
        },
        clock,
        intervalMs: service.backendStatsPollingIntervalMs,
        log,
      }),
  });
}
