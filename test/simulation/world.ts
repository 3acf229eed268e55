import { lockName, wireName, type LockName } from '../../src/coordination/lock-names.ts';
import { FencedRows } from './fenced-rows.ts';
import { Judge, type Violation } from './judge.ts';
import { LockServer } from './lock-server.ts';
import { Member } from './member.ts';
import type { Mistake } from './mistakes.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { VirtualTime } from './virtual-time.ts';

export interface Settings {
  readonly names: readonly LockName[];
  readonly ttlMs: number;
  readonly beatMs: number;
  readonly marginMs: number;
  readonly stepMs: number;
  readonly restMs: number;
  /** Whether the lock server keeps the order in which waiters came. */
  readonly queue: boolean;
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly happened: number;
  /** How often locks were had, and how many faults there were. */
  readonly locked: number;
  readonly faults: number;
}

const faultyMs = 30_000;
/** A member that was killed is replaced within so long. */
const longestAwayMs = 3_000;
const workersEach = 2;
const memberCount = 3;

/** One run: members, a lock server, a database, and faults, all of which follow from the seed. */
export class World {
  readonly time = new VirtualTime();
  readonly judge = new Judge(() => this.time.nowMs);
  readonly random: Random;
  readonly network: Network;
  readonly settings: Settings;
  readonly server: LockServer;
  readonly rows: FencedRows;
  readonly mistake: Mistake | undefined;
  readonly #seed: number;
  /** Whether the lock server loses its memory in this run. */
  readonly #forgetful: boolean;
  readonly #members: Member[] = [];
  #locked = 0;
  #faults = 0;

  constructor(seed: number, mistake?: Mistake) {
    this.#seed = seed;
    this.mistake = mistake;
    this.random = new Random(seed);
    this.network = new Network(this.time, this.random);
    const ttlMs = this.random.between(3_000, 8_000);
    this.settings = {
      names: [lockName('a'), lockName('b')],
      ttlMs,
      beatMs: ttlMs / this.random.between(3, 8),
      marginMs: this.random.between(50, ttlMs / 4),
      stepMs: this.random.between(50, ttlMs / 4),
      restMs: this.random.between(50, 1_000),
      queue: this.random.chance(0.5),
    };
    this.#forgetful = this.random.chance(0.4);
    this.server = new LockServer(this.time, { ttlMs, queue: this.settings.queue });
    this.rows = new FencedRows({ judge: this.judge, server: this.server, mistake });
  }

  async run(): Promise<RunResult> {
    const restore = this.time.takeOverTimers();
    try {
      return await this.#run();
    } finally {
      restore();
    }
  }

  async #run(): Promise<RunResult> {
    for (let i = 0; i < memberCount; i += 1) this.#join();
    this.#planFaults();
    await this.time.run(faultyMs);
    this.#heal();
    // Whoever is to replace the last that were killed is there before all are drained and stopped.
    await this.time.run(faultyMs + longestAwayMs);
    // Every wait that was served last has all others before it, each with all of its steps.
    const { ttlMs, stepMs } = this.settings;
    const turnMs = 10 * (stepMs + 2_000) + ttlMs / 3 + 1_000;
    const patienceMs = longestAwayMs + 2 * ttlMs + this.#members.length * workersEach * turnMs;
    // Where nobody keeps an order, waiting ends for certain only when the others ask for no more.
    if (!this.settings.queue) for (const member of this.#members) member.drain();
    const old = (): Member | undefined =>
      this.#members.find((member) => member.starved(this.time.nowMs - faultyMs) > 0);
    while (old() !== undefined && this.time.nowMs < faultyMs + patienceMs) await this.time.run(this.time.nowMs + 1_000);
    const starved = old();
    if (starved !== undefined) this.judge.note(`${starved.place.name} waited in vain for ${Math.round(patienceMs)} ms`);
    for (const member of this.#members) member.stop();
    await this.time.run(this.time.nowMs + 3 * ttlMs + 20_000);
    if (this.server.held.length > 0) this.judge.note(`${this.server.held.join(', ')} outlived all owners`);
    return {
      seed: this.#seed,
      violations: this.judge.violations,
      happened: this.time.happened,
      locked: this.#locked,
      faults: this.#faults,
    };
  }

  locked(): void {
    this.#locked += 1;
  }

  /** `member` is about to act: nobody else may be allowed to, unless the server forgot somebody's lock. */
  acting(member: Member, names: readonly LockName[]): void {
    for (const name of names) {
      const token = member.tokenOf(name) ?? '';
      if (this.server.wentOn(wireName(name), token) && !this.server.forgotten.has(token))
        this.judge.note(`${member.place.name} acts under ${name}, which somebody else has had since`);
      const others = this.#members.filter((other) => other !== member && other.provenNames().includes(name));
      const excused = [member, ...others].some((one) => this.server.forgotten.has(one.tokenOf(name) ?? ''));
      if (others.length > 0 && !excused)
        this.judge.note(`${member.place.name} and ${others[0]?.place.name ?? ''} both own ${name}`);
    }
  }

  /** A write to the share, decided under these locks, has had its effect. */
  shareWritten(member: Member, under: readonly (readonly [LockName, string | undefined])[]): void {
    for (const [name, token] of under) {
      const owner = this.server.ownerOf(wireName(name));
      const excused = token === undefined || this.server.forgotten.has(token);
      if (owner !== undefined && owner !== token && !excused)
        this.judge.note(`a write of ${member.place.name} under ${name} came when it was ${owner}'s`);
    }
  }

  #join(): void {
    const member = new Member(this, `m${this.#members.length}`);
    this.#members.push(member);
    member.start(workersEach);
  }

  #planFaults(): void {
    const { random, time } = this;
    const count = Math.floor(random.between(2, 12));
    for (let i = 0; i < count; i += 1) {
      time.after(random.between(500, faultyMs), () => this.#fault());
    }
    if (this.#forgetful) time.after(random.between(2_000, faultyMs), () => this.server.forget());
  }

  #fault(): void {
    const { random, time, settings, server } = this;
    const alive = this.#members.filter(({ place }) => !place.dead);
    if (alive.length === 0) return;
    this.#faults += 1;
    const member = random.pick(alive);
    const forMs = random.between(100, 2.5 * settings.ttlMs);
    switch (random.pick(['freeze', 'freeze', 'cut', 'slow', 'slow', 'kill', 'server'] as const)) {
      case 'freeze':
        member.freeze();
        time.after(forMs, () => member.thaw());
        break;
      case 'cut':
        member.line.cut = random.pick(['to', 'from', 'both']);
        time.after(forMs, () => (member.line.cut = 'no'));
        break;
      case 'slow':
        member.line.slowMs = random.between(100, settings.ttlMs / 3);
        time.after(2 * forMs, () => (member.line.slowMs = 0));
        break;
      case 'kill':
        member.place.dead = true;
        time.after(random.between(0, longestAwayMs), () => this.#join());
        break;
      case 'server':
        server.place.frozen = true;
        time.after(forMs, () => time.thaw(server.place));
        break;
    }
  }

  #heal(): void {
    this.time.thaw(this.server.place);
    for (const member of this.#members) {
      member.thaw();
      member.line.cut = 'no';
      member.line.slowMs = 0;
    }
  }
}
