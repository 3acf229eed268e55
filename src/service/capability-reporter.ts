import type { VolumeRepository } from '../db/ports/resources.ts';
import type { Timestamp } from '../domain/rows.ts';
import type { JsonObject } from '../domain/json.ts';
import type { DriverStats, VolumeDriver } from '../drivers/volume-driver.ts';
import { childAbort, delay, raceAbort } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { TimeoutError } from '../kernel/errors.ts';
import { Loop } from '../kernel/loop.ts';
import type { Logger } from '../log/logger.ts';
import type { MessageMaker, MessageSender } from '../rpc/notifier.ts';
import {
  type CapabilityExtras,
  type CapabilityReport,
  capabilitiesOf,
  reportMessages,
  reportTime,
} from './capabilities.ts';

export interface CapabilityReporterOptions {
  readonly backend: { readonly host: string; readonly cluster: string | null };
  readonly driver: Pick<VolumeDriver, 'stats' | 'locations'>;
  readonly ready: () => boolean;
  readonly volumes: Pick<VolumeRepository, 'allocatedByPool' | 'provisionedByLocation'>;
  /** The database's clock: every member's reports are in one order. */
  readonly databaseTime: () => Promise<Timestamp>;
  readonly messages: MessageMaker;
  readonly sender: MessageSender;
  /** An administrator's context with a request id of its own, in the wire's keys. */
  readonly context: () => JsonObject;
  readonly extras: CapabilityExtras;
  readonly clock: Clock;
  /** `backend_stats_polling_interval`. */
  readonly intervalMs: number;
  /** After `reportSoon` so long is waited for more changes (2 s). */
  readonly gatherMs?: number;
  /** Figures and messages of one report have so long (60 s, the scheduler's own patience). */
  readonly deadlineMs?: number;
  readonly log: Logger;
}

/** The last figures of a driver. */
export interface StatsSnapshot {
  readonly stats: DriverStats;
  readonly report: CapabilityReport;
  /** How long the driver took. */
  readonly tookMs: number;
}

/**
 * Tells the schedulers what a backend can take: periodically, when asked, and soon after volumes came or went.
 *
 * Reports are sent directly and kept nowhere: one that gets lost is replaced by the next. At most one is under way;
 * whatever asks meanwhile gets one more after it. The instant of a report is read *before* its figures, so that of
 * two members the one that looked later is believed, not the one that was slower.
 */
export class CapabilityReporter {
  readonly #options: CapabilityReporterOptions;
  readonly #loop: Loop;
  readonly #stopping = new AbortController();
  #last: StatsSnapshot | undefined;
  #gathering = false;
  #lastReportMs = 0;

  constructor(options: CapabilityReporterOptions) {
    this.#options = options;
    this.#loop = new Loop({
      turn: (signal) => this.#turn(signal),
      pauseMs: () => options.intervalMs,
      onError: (err) =>
        options.log.warn({ err, host: options.backend.host }, 'No capability report; the schedulers keep the last one'),
    });
  }

  /** Reports at once, then periodically. Call it when the driver has come up. */
  start(): void {
    this.#loop.start();
  }

  /** Reports now: a scheduler has started and asks. */
  reportNow(): void {
    this.#loop.wake();
  }

  /**
   * Something has changed. Gathers changes for a while, and for ten times as long as a report takes, so that a burst
   * of deletes on a backend with very many rows does not keep the database adding them up.
   */
  reportSoon(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    const gatherMs = Math.max(this.#options.gatherMs ?? 2000, 10 * this.#lastReportMs);
    delay(gatherMs, this.#stopping.signal).then(
      () => {
        this.#gathering = false;
        this.#loop.wake();
      },
      () => undefined,
    );
  }

  /** What the driver says at this instant; no report is made of it. */
  async figures(signal: AbortSignal): Promise<DriverStats> {
    const { driver, volumes, clock, deadlineMs = 60_000 } = this.#options;
    const untilMs = clock.nowMs() + deadlineMs;
    const provisioned = await volumes.provisionedByLocation(driver.locations());
    return raceAbort(driver.stats({ signal, provableUntilMs: () => untilMs }, provisioned), signal);
  }

  /** The figures of the last report that was made. */
  get last(): StatsSnapshot | undefined {
    return this.#last;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the capability reporter stops'));
    await this.#loop.stop();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { ready, log, backend, deadlineMs = 60_000 } = this.#options;
    if (!ready()) {
      log.warn({ host: backend.host }, 'The driver is not initialized; capabilities are not reported');
      return;
    }
    const since = performance.now();
    const child = childAbort(signal);
    const timer = setTimeout(
      () => child.abort(new TimeoutError(`capabilities of ${backend.host}`, deadlineMs)),
      deadlineMs,
    );
    try {
      await raceAbort(this.#report(child.signal, this.#options.clock.nowMs() + deadlineMs), child.signal);
    } finally {
      clearTimeout(timer);
      child.detach();
      this.#lastReportMs = performance.now() - since;
    }
  }

  async #report(signal: AbortSignal, untilMs: number): Promise<void> {
    const { backend, driver, volumes, databaseTime, extras, messages, sender, context } = this.#options;
    const timestamp = reportTime(await databaseTime());
    const provisioned = await volumes.provisionedByLocation(driver.locations());
    const asked = performance.now();
    const stats = await driver.stats({ signal, provableUntilMs: () => untilMs }, provisioned);
    const tookMs = performance.now() - asked;
    const allocated = await volumes.allocatedByPool(backend.cluster ?? backend.host);
    signal.throwIfAborted();
    const report = { capabilities: capabilitiesOf(stats, allocated, extras), timestamp };
    this.#keep({ stats, report, tookMs });
    for (const message of reportMessages(messages, context(), backend, report)) await sender.send(message, signal);
  }

  #keep(last: StatsSnapshot): void {
    const { intervalMs, backend, log } = this.#options;
    this.#last = last;
    if (last.tookMs <= intervalMs / 2) return;
    log.warn({ host: backend.host, took_ms: Math.round(last.tookMs) }, 'The driver takes long to tell its figures');
  }
}
