import type { Health } from '../kernel/component.ts';
import type { Guarantees, Holder } from './coordinator.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { ReleaseResult } from './lock-backend.ts';

/** What the lock worker is started with. */
export interface WorkerStart {
  readonly spec: BackendSpec;
  /** A `SharedInstant` that the main loop keeps writing; see `silentMainLoopMs`. */
  readonly mainLoopSeen: SharedArrayBuffer;
  readonly silentMainLoopMs: number;
}

/** Main loop → a worker that has a lock service's whole client. An `id` names one acquisition, or one listing. */
export type ToClient =
  | { readonly op: 'acquire'; readonly id: number; readonly wireName: string }
  | { readonly op: 'cancel'; readonly id: number }
  | { readonly op: 'release'; readonly id: number }
  | { readonly op: 'holders'; readonly id: number };

/** Main loop → a worker that only renews. An `id` names one thing that is kept, from `keep` to `let-go`. */
export type ToHeartbeat =
  | { readonly op: 'keep'; readonly id: number; readonly what: object; readonly proof: SharedArrayBuffer }
  | { readonly op: 'let-go'; readonly id: number };

/** The thread shall end: in good order, and, when that takes too long, at once. */
export type ToEnd = { readonly op: 'stop' } | { readonly op: 'stop-now' };

export type ToWorker = ToClient | ToHeartbeat | ToEnd;

export interface Started {
  readonly event: 'started';
  /** Undefined of a worker that only renews. */
  readonly guarantees: Guarantees | undefined;
}

/** Worker → who uses it. */
export type WorkerNews =
  | { readonly event: 'acquired'; readonly id: number; readonly proof: SharedArrayBuffer }
  | { readonly event: 'refused'; readonly id: number; readonly problem: string }
  /** Of a lock that was acquired, or of what was to be kept. */
  | { readonly event: 'lost'; readonly id: number; readonly why: string }
  | { readonly event: 'released'; readonly id: number; readonly result: ReleaseResult }
  | { readonly event: 'holders'; readonly id: number; readonly holders: readonly Holder[] };

/** What every worker tells. */
export type ThreadNews =
  | { readonly event: 'health'; readonly health: Health }
  | {
      readonly event: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    };

/** Worker → main loop. */
export type FromWorker =
  | Started
  | { readonly event: 'start-failed'; readonly problem: string }
  | WorkerNews
  | ThreadNews
  | { readonly event: 'stopped' };
