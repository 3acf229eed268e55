import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatabaseError } from '../../../src/db/database.ts';
import { Backends, NoBackendError } from '../../../src/service/backends.ts';
import { BackendUnit } from '../../../src/service/backend-unit.ts';
import type { CapabilityReporter } from '../../../src/service/capability-reporter.ts';
import { identityOf } from '../../../src/service/identity.ts';
import { Registration } from '../../../src/service/registration.ts';
import { FakeDriver, FakeServiceTables, recordingLogger } from './fakes.ts';

const live = new AbortController().signal;

/** Counts what the unit asks of it. */
class FakeReporter {
  calls: string[] = [];
  last = undefined;
  start = () => void this.calls.push('start');
  reportSoon = () => void this.calls.push('soon');
  reportNow = () => void this.calls.push('now');
  stop = () => Promise.resolve(void this.calls.push('stop'));
}

describe('backend unit', () => {
  let tables: FakeServiceTables;
  let driver: FakeDriver;
  let reporter: FakeReporter;
  let log: ReturnType<typeof recordingLogger>;
  const units: BackendUnit[] = [];

  const create = (name = 'nfs1', cluster: string | null = null, of = driver): BackendUnit => {
    const settings = { host: 'node1', cluster, storageAvailabilityZone: 'nova', enableNewServices: true };
    const identity = identityOf(name, settings, { backendHost: null, backendAvailabilityZone: null });
    const unit = new BackendUnit({
      name,
      driver: of.driver,
      registration: new Registration(tables.database, identity, log),
      reporter: () => reporter as unknown as CapabilityReporter,
      reportIntervalMs: 10_000,
      reinitDriverCount: 3,
      log,
    });
    units.push(unit);
    return unit;
  };
  const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    tables = new FakeServiceTables();
    driver = new FakeDriver();
    reporter = new FakeReporter();
    log = recordingLogger();
  });
  afterEach(async () => {
    await Promise.all(units.splice(0).map((unit) => unit.stop({ force: AbortSignal.abort() })));
    vi.useRealTimers();
  });

  it('is up at once: registered, beaten, not replicating; reported once requests are consumed', async () => {
    const unit = create('nfs1', 'aa');
    await unit.start(live);
    await settle();
    expect(unit.ready()).toBe(true);
    expect(unit).toMatchObject({ host: 'node1@nfs1', cluster: 'aa@nfs1', workOf: 'aa@nfs1', service: { id: 1 } });
    expect(tables.beats).toBe(1);
    expect(tables.rows[0]?.replication_status).toBe('disabled');
    expect(reporter.calls).toEqual([]);
    unit.announce();
    await settle();
    expect(reporter.calls).toEqual(['start']);
    await unit.whenReady(live);
    await settle(30_000);
    expect(tables.beats).toBe(4);
    unit.capabilitiesChanged();
    unit.publishCapabilities();
    expect(reporter.calls).toEqual(['start', 'soon', 'now']);
  });

  it('tries the driver after 1, 2 and 4 seconds, then goes on slowly until it comes up', async () => {
    driver.startOutcomes = Array.from({ length: 6 }, () => new Error('no server'));
    const unit = create();
    await unit.start(live);
    unit.announce();
    expect(unit.health()).toEqual({ ok: false, detail: 'driver not up: no server' });
    const startsAfter = async (ms: number): Promise<number> => {
      await settle(ms);
      return driver.starts;
    };
    expect(await startsAfter(999)).toBe(1);
    expect(await startsAfter(1)).toBe(2);
    expect(await startsAfter(2_000)).toBe(3);
    expect(await startsAfter(3_999)).toBe(3);
    expect(await startsAfter(1)).toBe(4);
    expect(log.at('error').filter(({ message }) => message.includes('until it comes up'))).toHaveLength(1);
    expect(await startsAfter(14_999)).toBe(4);
    await settle(180_000);
    expect(driver.starts).toBe(7);
    expect(unit.ready()).toBe(true);
    expect(unit.health()).toEqual({ ok: true });
    expect(reporter.calls).toEqual(['start']);
  });

  it('is silent while the driver does not work, and beats as soon as it does', async () => {
    driver.startOutcomes = Array.from({ length: 4 }, () => new Error('no server'));
    await create().start(live);
    await settle(10_000);
    expect(tables.beats).toBe(0);
    expect(log.at('error').map(({ message }) => message)).toContain(
      'The driver of node1@nfs1 does not work; sending no heartbeat. The service will appear "down"',
    );
    await settle(60_000);
    expect(driver.starts).toBe(5);
    expect(tables.beats).toBeGreaterThan(0);
  });

  it('logs a database that is away once, and its return', async () => {
    const unit = create();
    await unit.start(live);
    await settle();
    const away = () => new DatabaseError('away', { outcome: 'unknown' });
    tables.faults = { beat: [away(), away(), away()] };
    await settle(40_000);
    expect(log.at('error').map(({ message }) => message)).toEqual(['The heartbeat cannot be written']);
    expect(log.at('info').map(({ message }) => message)).toContain('The heartbeat reaches the database again');
    expect(tables.beats).toBe(2);
  });

  it('writes the replication status once the database lets it', async () => {
    tables.faults = { get: [new DatabaseError('away', { outcome: 'not-started' })] };
    await create().start(live);
    await settle();
    expect(tables.rows[0]?.replication_status).toBe('not-capable');
    await settle(10_000);
    expect(tables.rows[0]?.replication_status).toBe('disabled');
  });

  it('does not wait for a driver that hangs, neither at start nor at stop', async () => {
    driver.startOutcomes = ['hang'];
    const unit = create();
    const started = unit.start(live);
    await settle(10_000);
    await started;
    expect(unit.health()).toEqual({ ok: false, detail: 'driver is being set up' });
    const waiting = expect(unit.whenReady(live)).rejects.toThrow('stops');
    await unit.stop({ force: new AbortController().signal });
    await waiting;
    expect(driver.stops).toBe(1);
    expect(unit.ready()).toBe(false);
  });

  it('refuses a cluster for a driver that is not made for it', async () => {
    driver.info.activeActive = false;
    await expect(create('nfs1', 'aa').start(live)).rejects.toThrow('Active-Active configuration is not supported');
    expect(tables.rows).toEqual([]);
  });

  it('tries the services row again when the database blinks, and only then', async () => {
    tables.faults = { register: [new DatabaseError('away', { outcome: 'unknown' }), new Error('a defect')] };
    const started = expect(create().start(live)).rejects.toThrow('a defect');
    await settle(1_000);
    await started;
  });

  describe('several', () => {
    it('serves the others when one cannot be served', async () => {
      const bad = new FakeDriver();
      bad.info.activeActive = false;
      const backends = new Backends([create('bad', 'aa', bad), create('good', 'aa')], log);
      await backends.start(live);
      await settle();
      expect(backends.started.map(({ name }) => name)).toEqual(['good']);
      expect(log.at('error')[0]?.message).toBe('Volume service node1@bad failed to start');
      expect(backends.health().ok).toBe(true);
      expect(backends.health().detail).toContain('bad: failed to start: Active-Active');
      await backends.stop({ force: live });
      expect([bad.stops, driver.stops]).toEqual([1, 1]);
    });

    it('starts with a driver that is not up, but is not ready with it alone', async () => {
      driver.startOutcomes = [new Error('no server')];
      const backends = new Backends([create()], log);
      await backends.start(live);
      expect(backends.started).toHaveLength(1);
      expect(backends.health().ok).toBe(false);
    });

    it('fails when none can be served, with the reason', async () => {
      driver.info.activeActive = false;
      const error: unknown = await new Backends([create('a', 'aa')], log)
        .start(live)
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(NoBackendError);
      expect((error as Error).cause).toMatchObject({ code: 'ACTIVE_ACTIVE_UNSUPPORTED' });
    });
  });
});
