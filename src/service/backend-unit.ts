import { DatabaseError } from '../db/database.ts';
import { CinderError } from '../domain/exceptions.ts';
import type { JsonObject } from '../domain/json.ts';
import type { VolumeDriver } from '../drivers/volume-driver.ts';
import { delay, raceAbort } from '../kernel/abort.ts';
import type { Component, Health } from '../kernel/component.ts';
import { AppError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Backend } from '../volume/operation.ts';
import type { CapabilityReporter, StatsSnapshot } from './capability-reporter.ts';
import { deferred } from './deferred.ts';
import { DriverStart, type DriverState } from './driver-start.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Registration } from './registration.ts';

export interface BackendUnitOptions {
  /** The section's name in cinder.conf. */
  readonly name: string;
  readonly driver: VolumeDriver;
  readonly registration: Registration;
  /** Its `ready` must be this unit's; hence a function. */
  readonly reporter: (ready: () => boolean) => CapabilityReporter;
  readonly reportIntervalMs: number;
  readonly reinitDriverCount: number;
  /** So long a start waits for the driver's first try; a hung file server must not hold up other backends (10 s). */
  readonly firstTryMs?: number;
  readonly slowRetryMs?: number;
  readonly log: Logger;
}

/**
 * The life of one enabled backend: its services row, its driver, its heartbeat and its reports.
 *
 *     start: check cluster rule → register → set the driver up (goes on by itself after `firstTryMs`)
 *     driver up: heartbeat, whenever that is; reports only once requests are consumed (`announce`)
 *     stop: no heartbeat and no report any more → driver stopped. The services row stays as it is.
 */
export class BackendUnit implements Backend, Component {
  readonly name: string;
  readonly host: string;
  readonly cluster: string | null;
  readonly workOf: string;
  readonly driver: VolumeDriver;
  readonly #options: BackendUnitOptions;
  readonly #driverStart: DriverStart;
  readonly #heartbeat: Heartbeat;
  readonly #reporter: CapabilityReporter;
  readonly #stopping = new AbortController();
  readonly #up = deferred();
  readonly #announced = deferred();
  #life: Promise<void> | undefined;

  constructor(options: BackendUnitOptions) {
    const { name, driver, registration, reporter, log } = options;
    this.name = name;
    this.host = registration.identity.host;
    this.cluster = registration.identity.clusterName;
    this.workOf = this.cluster ?? this.host;
    this.driver = driver;
    this.#options = options;
    const ready = (): boolean => this.ready();
    const { host } = this;
    const { reinitDriverCount: reinitCount, slowRetryMs } = options;
    this.#driverStart = new DriverStart({
      host,
      driver,
      reinitCount,
      log,
      ...(slowRetryMs !== undefined && { slowMs: slowRetryMs }),
    });
    this.#heartbeat = new Heartbeat({
      host,
      intervalMs: options.reportIntervalMs,
      ready,
      beat: () => registration.beat(),
      log,
    });
    this.#reporter = reporter(ready);
  }

  get service(): { readonly id: number; readonly uuid: string } {
    return this.#options.registration.service;
  }

  ready(): boolean {
    return this.#driverStart.state.state === 'ready';
  }

  /** Resolves when the driver is up, now or later; rejects when the signal aborts or the unit stops. */
  whenReady(signal: AbortSignal): Promise<void> {
    return raceAbort(this.#up.promise, signal);
  }

  /**
   * Requests are consumed from now on: the schedulers may be told. Not before, as upstream; and adding up the rows of a
   * large backend would slow the rest of the start.
   */
  announce(): void {
    this.#announced.resolve();
  }

  capabilitiesChanged(): void {
    this.#reporter.reportSoon();
  }

  /** For the RPC method of the same meaning. */
  publishCapabilities(): void {
    this.#reporter.reportNow();
  }

  /** For the RPC method `get_capabilities`. */
  async capabilities(discover: boolean, signal: AbortSignal): Promise<JsonObject> {
    if (!discover) return this.lastStats?.stats.capabilities ?? {};
    if (!this.ready()) throw new CinderError('DriverNotInitialized', {});
    return (await this.#reporter.figures(signal)).capabilities;
  }

  /** The figures of the last report, for status and metrics; undefined before the first. */
  get lastStats(): StatsSnapshot | undefined {
    return this.#reporter.last;
  }

  get driverState(): DriverState {
    return this.#driverStart.state;
  }

  /** Rejects when this backend cannot be served at all: a driver that must not be in a cluster, no services row. */
  async start(signal: AbortSignal): Promise<void> {
    const { driver, firstTryMs = 10_000 } = this.#options;
    if (this.cluster !== null && !driver.info.activeActive) {
      throw new ActiveActiveUnsupportedError(driver.info.driverClass);
    }
    await this.#register(signal);
    this.#heartbeat.start();
    const firstTry = deferred();
    this.#life = this.#bringUp(() => firstTry.resolve());
    await raceAbort(Promise.race([firstTry.promise, delay(firstTryMs, this.#stopping.signal)]), signal);
  }

  /** The services row stays: others take it for down when its heartbeat is old. */
  async stop(how: { force: AbortSignal }): Promise<void> {
    const reason = new Error(`backend ${this.name} stops`);
    this.#stopping.abort(reason);
    this.#up.reject(reason);
    await Promise.all([this.#heartbeat.stop(), this.#reporter.stop()]);
    // A driver that hangs in its set-up is left behind rather than waited for.
    if (this.#life !== undefined) await raceAbort(this.#life, how.force).catch(() => undefined);
    await this.driver.stop(how);
  }

  health(): Health {
    const state = this.driverState;
    if (state.state === 'failing') return { ok: false, detail: `driver not up: ${state.problem}` };
    if (state.state === 'starting') return { ok: false, detail: 'driver is being set up' };
    return this.driver.health();
  }

  /** A backend that was skipped is gone until the next start, so a database that blinks gets a few more chances. */
  async #register(signal: AbortSignal): Promise<void> {
    for (const pauseMs of [1000, 2000, 4000]) {
      try {
        await raceAbort(this.#options.registration.register(), signal);
        return;
      } catch (err) {
        if (!(err instanceof DatabaseError)) throw err;
        this.#options.log.warn({ err, host: this.host }, 'Cannot write the services row; trying again');
        await delay(pauseMs, signal);
      }
    }
    await raceAbort(this.#options.registration.register(), signal);
  }

  async #bringUp(onAttempt: () => void): Promise<void> {
    const { signal } = this.#stopping;
    try {
      await this.#driverStart.run(signal, onAttempt);
    } catch {
      // The only way in which it ends without the driver: this unit stops.
      return;
    }
    this.#up.resolve();
    // Before the report: the scheduler passes over a service whose row was never updated.
    this.#heartbeat.beatNow();
    await Promise.all([this.#report(signal), this.#tellReplication(signal)]);
  }

  async #report(signal: AbortSignal): Promise<void> {
    await raceAbort(this.#announced.promise, signal).catch(() => undefined);
    if (!signal.aborted) this.#reporter.start();
  }

  /**
   * No driver of ours replicates yet; upstream's readers expect `disabled` then, not the column's default. A database
   * that is away is waited for.
   */
  async #tellReplication(signal: AbortSignal): Promise<void> {
    const { registration, reportIntervalMs, log } = this.#options;
    while (!signal.aborted) {
      try {
        await raceAbort(registration.setReplication(false), signal);
        return;
      } catch (err) {
        if (signal.aborted) return;
        log.warn({ err, host: this.host }, 'Cannot write the replication status; trying again');
        await delay(reportIntervalMs, signal).catch(() => undefined);
      }
    }
  }
}

/** Upstream's rule: a driver that is not made for it is not started in a cluster. */
export class ActiveActiveUnsupportedError extends AppError {
  readonly code = 'ACTIVE_ACTIVE_UNSUPPORTED';
  constructor(driverClass: string) {
    super(
      `Active-Active configuration is not supported by driver ${driverClass}; remove "cluster" or use another driver`,
      { outcome: 'not-started' },
    );
  }
}
