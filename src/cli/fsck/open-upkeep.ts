import { randomUUID } from 'node:crypto';
import { createNova } from '../../app/keystone-parts.ts';
import type { Config } from '../../config/load.ts';
import type { Coordinator } from '../../coordination/coordinator.ts';
import type { Database } from '../../db/database.ts';
import { createDriver } from '../../drivers/registry.ts';
import type { VolumeDriver } from '../../drivers/volume-driver.ts';
import { delay } from '../../kernel/abort.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { BootClock } from '../../native/boot-clock.ts';
import { CallCustody } from '../../volume/call-custody.ts';
import { noFailpoints } from '../../volume/custody-options.ts';
import { Upkeep } from '../../volume/upkeep.ts';
import type { CommandIo } from '../command-io.ts';
import { lookOf, tryMs } from '../lock/look-of.ts';
import { complainingLogger, openCoordinator } from '../lock/open-coordinator.ts';

/** A volume whose locks are held for longer is left to the next run. */
const lockWaitMs = 5_000;
const looksForMembers = 5;

export interface OpenUpkeep {
  readonly upkeep: Upkeep;
  close(): Promise<void>;
}

/** Everything that a replica has for working on a backend's files: lock service, fence, the driver with its helper. */
export async function openUpkeep(
  config: Config,
  backend: { readonly name: string; readonly names: readonly string[]; readonly db: Database },
  io: CommandIo,
): Promise<OpenUpkeep> {
  const { name, names, db } = backend;
  const driver = driverOf(config, name, io);
  const { coordinator, close } = await openCoordinator(config, io);
  const closeAll = async (): Promise<void> => {
    await driver.stop({ force: AbortSignal.timeout(5_000) });
    await close();
  };
  try {
    await requireCommonLocks(config, { coordinator, db, names }, io.signal);
    await driver.start(io.signal);
    const failpoints = io.failpoints ?? noFailpoints;
    const custody = new CallCustody({ db, coordinator, failpoints, owner: randomUUID(), onOutbox: () => undefined });
    const log = complainingLogger(io.complain);
    return { upkeep: new Upkeep({ db, custody, driver, names, log, lockWaitMs }), close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

type Mender = VolumeDriver & Required<Pick<VolumeDriver, 'upkeep'>>;

function driverOf(config: Config, name: string, io: CommandIo): Mender {
  const options = config.backend(name);
  const { service, activeActive } = config.settings;
  const driver = createDriver(options.volumeDriver, {
    ...{ name, options, stateDir: service.statePath, shareTimeoutMs: activeActive.shareTimeoutMs },
    assisted: createNova(config.settings),
    clock: new BootClock(),
    log: complainingLogger(io.complain),
  });
  if (canMend(driver)) return driver;
  throw new InvalidInputError('--repair', `${options.volumeDriver} has nothing that could be put right`);
}

function canMend(driver: VolumeDriver): driver is Mender {
  return driver.upkeep !== undefined;
}

/**
 * That the replicas which serve the backend keep us out: with another lock service, or a lock folder of its own, this
 * command would work on volumes at the same time as they do.
 *
 * @throws InvalidInputError naming a replica with which no common lock is proven
 */
async function requireCommonLocks(
  config: Config,
  {
    coordinator,
    db,
    names,
  }: { readonly coordinator: Coordinator; readonly db: Database; readonly names: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  if (config.settings.coordination.meetIntervalMs === 0) return;
  const look = lookOf(config, { coordinator, db, serves: names });
  for (let left = looksForMembers; left > 0; left--) {
    await look.turn(signal);
    if (look.members.every(({ meeting }) => meeting === 'meets')) return;
    if (left > 1) await delay(tryMs, signal);
  }
  const stranger = look.members.find(({ meeting }) => meeting !== 'meets');
  if (stranger === undefined) return;
  const who = `the replica on ${stranger.host} (pid ${stranger.pid})`;
  const why = `that its locks and this command's exclude one another is not proven: ${stranger.why}`;
  throw new InvalidInputError('[coordination] backend_url', `${who}: ${why}; nothing was repaired`);
}
