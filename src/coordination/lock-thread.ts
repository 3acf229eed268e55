import { delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Component, Health } from '../kernel/component.ts';
import { messageOf } from '../kernel/errors.ts';
import { Loop } from '../kernel/loop.ts';
import type { Logger } from '../log/logger.ts';
import type { BackendSpec, ReconnectSpec } from './backend-spec.ts';
import { SharedInstant } from './proof-cell.ts';
import type { Started, ThreadNews, ToWorker, WorkerNews } from './worker-protocol.ts';
import { WorkerLink } from './worker-link.ts';

export interface LockThreadOptions {
  readonly spec: BackendSpec;
  readonly clock: Clock;
  readonly log: Logger;
  /** Without a sign of the main loop for that long, the thread stops renewing. */
  readonly silentMainLoopMs: number;
  /** Pauses before a thread that died is started again. */
  readonly reconnect: ReconnectSpec;
}

/** Who uses the thread. */
export interface ThreadUser {
  /** A thread runs, the first or one after another that died: it has to be told everything. */
  readonly started: (news: Started) => void;
  readonly died: (why: string) => void;
  readonly receive: (message: WorkerNews) => void;
}

/** So often the main loop shows the thread that it lives: far within any silence that means something to it. */
const longestQuietMs = 400;
const quietShare = 1 / 25;

/**
 * The thread beside the main loop on which locks are renewed, so that a busy main loop loses none. It is shown that
 * the main loop lives, and when it dies it is started again, ever more seldom if it dies again and again.
 */
export class LockThread implements Component {
  readonly name = 'lock thread';
  readonly #options: LockThreadOptions;
  readonly #user: ThreadUser;
  readonly #mainLoopSeen = new SharedInstant();
  readonly #restarts: Backoff;
  #revival: Loop | undefined;
  #signOfLife: NodeJS.Timeout | undefined;
  #link: WorkerLink | undefined;
  #problem: string | undefined = 'not started';
  /** As the thread tells it; it tells of changes. */
  #health: Health = { ok: true };
  #connectedMs = 0;

  constructor(options: LockThreadOptions, user: ThreadUser) {
    this.#options = options;
    this.#user = user;
    this.#restarts = new Backoff(options.reconnect);
  }

  /** Why there is none; undefined while it runs. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The thread's own word of its lock service, where there is a thread. */
  health(): Health {
    return this.#problem === undefined ? this.#health : { ok: false, detail: this.#problem };
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#showLife();
    const everyMs = Math.min(longestQuietMs, shortestSilenceMs(this.#options) * quietShare);
    this.#signOfLife = setInterval(() => this.#showLife(), everyMs).unref();
    await this.#connect(signal);
  }

  async stop(how: { force: AbortSignal }): Promise<void> {
    clearInterval(this.#signOfLife);
    await this.#revival?.stop();
    const link = this.#link;
    this.#link = undefined;
    this.#problem = 'stopped';
    await link?.stop(how.force);
  }

  /** Without a thread (it died a moment ago) the message is dropped: `started` tells the next one. */
  send(message: ToWorker): void {
    this.#link?.send(message);
  }

  #showLife(): void {
    this.#mainLoopSeen.write(this.#options.clock.nowMs());
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { spec, silentMainLoopMs } = this.#options;
    const start = { spec, silentMainLoopMs, mainLoopSeen: this.#mainLoopSeen.buffer };
    const link = new WorkerLink(start, (message) => this.#receive(message));
    const news = await link.start(signal);
    this.#link = link;
    this.#problem = undefined;
    this.#health = { ok: true };
    this.#connectedMs = this.#options.clock.nowMs();
    void link.ended.then((why) => this.#bury(link, why));
    this.#user.started(news);
  }

  #receive(message: WorkerNews | ThreadNews): void {
    if (message.event === 'log') this.#options.log[message.level](message.fields, message.message);
    else if (message.event === 'health') this.#health = message.health;
    else this.#user.receive(message);
  }

  #bury(link: WorkerLink, why: string): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#problem = `the lock thread died: ${why}`;
    this.#options.log.error({ why }, 'the lock thread died and is started again');
    this.#user.died(why);
    // One that dies again and again is started ever more seldom.
    if (this.#options.clock.nowMs() - this.#connectedMs > this.#options.reconnect.maxMs) this.#restarts.reset();
    this.#revival ??= this.#reviver();
    this.#revival.wake();
  }

  #reviver(): Loop {
    const revival = new Loop({
      turn: async (signal) => {
        if (this.#link !== undefined) return;
        await delay(this.#restarts.nextMs(), signal);
        await this.#connect(signal);
      },
      // With a thread there is nothing to do until its end wakes the loop.
      pauseMs: () => (this.#link === undefined ? 0 : 60_000),
      onError: (error) => {
        this.#problem = messageOf(error);
        this.#options.log.warn({ err: error }, 'the lock thread could not be started again');
      },
    });
    revival.start();
    return revival;
  }
}

/** The shortest silence that the thread takes for one. */
function shortestSilenceMs({ spec, silentMainLoopMs }: LockThreadOptions): number {
  return spec.kind === 'zookeeper' ? Math.min(spec.sessionTimeoutMs, silentMainLoopMs) : silentMainLoopMs;
}
