import type * as Prometheus from 'prom-client';
import { Counter, Gauge, Histogram, Registry } from './prometheus.ts';
import type { LoopDelay } from '../kernel/event-loop-delay.ts';
import type { Tally } from '../kernel/tally.ts';

/** One share's figures, as `DriverStats.shares` has them. GiB. */
export interface ShareFigures {
  readonly backend: string;
  readonly share: string;
  /** Null: the share does not answer. */
  readonly capacity: { readonly totalGb: number; readonly freeGb: number; readonly provisionedGb: number } | null;
}

/** What is read when somebody scrapes; each must be cheap and must not wait. */
export interface MetricSources {
  inFlight(): number;
  parked(): number;
  locksHeld(): number;
  locksWaitedFor(): number;
  /** The other members that serve a backend of ours. */
  members(): readonly { readonly meeting: 'meets' | 'apart' | 'unsure' }[];
  backends(): readonly { readonly backend: string; readonly ready: boolean }[];
  shares(): readonly ShareFigures[];
  /** Rows that wait for somebody and that no request carries, as the last look found them. */
  uncarried(): readonly { readonly type: string; readonly status: string }[];
  loopDelay(): LoopDelay;
}

const GIB = 2 ** 30;
const OPERATION_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
const WAIT_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300];

/** The replica's figures in Prometheus's form. Label values come from closed sets: methods, outcomes, shares. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #operations = this.#histogram(
    'operation_duration_seconds',
    'Time that an operation took here, from its request for locks on.',
    OPERATION_SECONDS,
    ['operation', 'outcome'],
  );
  readonly #lockWaits = this.#histogram(
    'lock_wait_seconds',
    'Time until the locks of an operation were had.',
    WAIT_SECONDS,
    ['outcome'],
  );
  readonly #plain = {
    'lock-lost': this.#counter('locks_lost_total', 'Leases that ran out or were taken away under an operation.'),
    'claim-lost': this.#counter('claims_lost_total', 'Operations that found a newer owner and stopped.'),
    redelivered: this.#counter('redeliveries_total', 'Messages that the broker delivered again.'),
    duplicate: this.#counter('duplicates_total', 'Messages that were in the journal already.'),
    'broker-lost': this.#counter('broker_connections_lost_total', 'Connections to the message queue that were lost.'),
  };
  readonly #adopted = this.#counter('adopted_total', 'Entries taken over, by where they came from.', ['origin']);

  constructor(sources: MetricSources) {
    this.#gauge('operations_in_flight', 'Operations whose steps run now.', () => sources.inFlight());
    this.#gauge('operations_parked', 'Operations that wait for a lock or for somebody else.', () => sources.parked());
    this.#gauge('locks_held', 'Locks that this process holds.', () => sources.locksHeld());
    this.#gauge('locks_waited_for', 'Locks that this process waits for.', () => sources.locksWaitedFor());
    this.#addMembers(sources);
    this.#addBackends(sources);
    this.#addShares(sources);
    this.#addUncarried(sources);
    this.#addProcess(sources);
  }

  /** Something happened. */
  readonly count: Tally = (counted) => {
    switch (counted.what) {
      case 'operation-ended':
        return this.#operations.observe({ operation: counted.operation, outcome: counted.outcome }, counted.seconds);
      case 'lock-waited':
        return this.#lockWaits.observe({ outcome: counted.outcome }, counted.seconds);
      case 'adopted':
        return this.#adopted.inc({ origin: counted.origin });
      default:
        return this.#plain[counted.what].inc();
    }
  };

  /** The exposition format's own media type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #addMembers(sources: MetricSources): void {
    const help = 'Other members that serve a backend of ours: kept out by our locks, not kept out, or not known yet.';
    this.#labelled('members', help, ['meeting'], (set) => {
      const members = sources.members();
      for (const meeting of ['meets', 'apart', 'unsure'] as const) {
        set({ meeting }, members.filter((member) => member.meeting === meeting).length);
      }
    });
  }

  #addBackends(sources: MetricSources): void {
    this.#labelled('backend_ready', 'Whether the driver of a backend is set up.', ['backend'], (set) => {
      for (const { backend, ready } of sources.backends()) set({ backend }, ready ? 1 : 0);
    });
  }

  #addShares(sources: MetricSources): void {
    const add = (name: string, help: string, figureOf: (share: ShareFigures) => number | undefined): void =>
      this.#labelled(name, help, ['backend', 'share'], (set) => {
        for (const share of sources.shares()) {
          const figure = figureOf(share);
          if (figure !== undefined) set({ backend: share.backend, share: share.share }, figure);
        }
      });
    const bytes = (gb: number | undefined): number | undefined => (gb === undefined ? undefined : gb * GIB);
    add('share_up', 'Whether a share answers.', ({ capacity }) => (capacity === null ? 0 : 1));
    add('share_size_bytes', 'Size of a share.', ({ capacity }) => bytes(capacity?.totalGb));
    add('share_free_bytes', 'What is free on a share.', ({ capacity }) => bytes(capacity?.freeGb));
    add('share_provisioned_bytes', 'What is promised on a share.', ({ capacity }) => bytes(capacity?.provisionedGb));
  }

  #addUncarried(sources: MetricSources): void {
    const help = 'Rows in a transitional status that no request carries; see cinder-volume-aa requests list.';
    this.#labelled('rows_uncarried', help, ['type', 'status'], (set) => {
      const counts = new Map<string, number>();
      for (const { type, status } of sources.uncarried()) {
        const labels = { type: type.toLowerCase(), status };
        const count = (counts.get(`${type} ${status}`) ?? 0) + 1;
        counts.set(`${type} ${status}`, count);
        set(labels, count);
      }
    });
  }

  #addProcess(sources: MetricSources): void {
    this.#labelled('event_loop_delay_seconds', 'How late timers were since the last scrape.', ['of'], (set) => {
      const { meanMs, p99Ms, maxMs } = sources.loopDelay();
      set({ of: 'mean' }, meanMs / 1000);
      set({ of: 'p99' }, p99Ms / 1000);
      set({ of: 'max' }, maxMs / 1000);
    });
    this.#gauge('resident_memory_bytes', 'Resident memory of the main process.', () => process.memoryUsage.rss());
    this.#gauge('cpu_seconds', 'Processor time used since the start.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Prometheus.Counter {
    return new Counter({ ...this.#common(name, help), labelNames: [...labelNames] });
  }

  #histogram(name: string, help: string, buckets: number[], labelNames: readonly string[]): Prometheus.Histogram {
    return new Histogram({ ...this.#common(name, help), buckets, labelNames: [...labelNames] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      ...this.#common(name, help),
      collect() {
        this.set(read());
      },
    });
  }

  /** `fill` sets all values there are: one that it leaves out (a share that went away) is gone from the text. */
  #labelled(name: string, help: string, labelNames: readonly string[], fill: (set: SetValue) => void): void {
    new Gauge({
      ...this.#common(name, help),
      labelNames: [...labelNames],
      collect() {
        this.reset();
        fill((labels, value) => this.set(labels, value));
      },
    });
  }

  #common(name: string, help: string): { name: string; help: string; registers: Prometheus.Registry[] } {
    return { name: `cinder_volume_aa_${name}`, help, registers: [this.#registry] };
  }
}

type SetValue = (labels: Readonly<Record<string, string>>, value: number) => void;
