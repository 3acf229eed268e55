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

/** Main loop → worker. An `id` names one acquisition for its whole life, or one listing. */
export type ToWorker =
  | { readonly op: 'acquire' | 'try'; readonly id: number; readonly wireName: string }
  | { readonly op: 'cancel'; readonly id: number }
  | { readonly op: 'release'; readonly id: number }
  | { readonly op: 'holders'; readonly id: number }
  | { readonly op: 'stop' }
  | { readonly op: 'stop-now' };

/** Worker → main loop. */
export type FromWorker =
  | { readonly event: 'started'; readonly guarantees: Guarantees }
  | { readonly event: 'start-failed'; readonly problem: string }
  | { readonly event: 'acquired'; readonly id: number; readonly proof: SharedArrayBuffer }
  /** To a try only. */
  | { readonly event: 'busy'; readonly id: number }
  | { readonly event: 'refused'; readonly id: number; readonly problem: string }
  | { readonly event: 'lost'; readonly id: number; readonly why: string }
  | { readonly event: 'released'; readonly id: number; readonly result: ReleaseResult }
  | { readonly event: 'holders'; readonly id: number; readonly holders: readonly Holder[] }
  | { readonly event: 'health'; readonly health: Health }
  | {
      readonly event: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    }
  | { readonly event: 'stopped' };
