import type pg from 'pg';
import type { Target } from '../src/cli/drive/target.ts';
import type { Account } from './account.ts';
import type { Place } from './servers.ts';
import type { Share } from './share.ts';

/** One run's surroundings. */
export interface RunContext {
  readonly dir: string;
  readonly place: Place;
  readonly share: Share;
  /** `[coordination] backend_url` */
  readonly coordinationUrl: string;
  readonly db: pg.Pool;
  readonly account: Account;
}

export interface RunningService {
  readonly pids: readonly number[];
  /** From exec until the service says that it works. */
  readonly readyMs: number;
  stop(): Promise<void>;
}

/** A program that is measured. */
export interface Side {
  readonly name: string;
  readonly version: string;
  /** What "ready" means in `readyMs`. */
  readonly readyMeans: string;
  /** What its first process is called in the memory table. */
  readonly rootRole: string;
  readonly target: Target;
  /** Makes the tables. */
  prepare(context: RunContext): Promise<void>;
  start(context: RunContext): Promise<RunningService>;
}
