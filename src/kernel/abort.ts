import { setMaxListeners } from 'node:events';
import { TimeoutError, toError } from './errors.ts';

/** The reason of an aborted signal, always as an `Error`. */
export function abortReason(signal: AbortSignal): Error {
  return toError(signal.reason ?? new Error('aborted'));
}

/** A controller whose signal may be waited for by any number at once: Node shall not take them for a leak. */
export function sharedAbort(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/*
 * Listeners below are not `once`: a signal aborts once at most, and in Node 20 a listener that is costs four times as
 * much to add and to remove.
 */

/** For waits that nothing ends but what is waited for. */
export const never: AbortSignal = sharedAbort().signal;

/** Waits `ms`; rejects with the signal's reason as soon as it aborts, and leaves neither timer nor listener behind. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortReason(signal));
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(abortReason(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort);
  });
}

/**
 * The promise's result, or the signal's reason, whichever is first. The promise itself goes on: use it only where
 * its late result may be dropped.
 */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(abortReason(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Resolves as soon as one of the signals aborts, and leaves no listener behind on those that live on. */
export async function whenAborted(...signals: readonly AbortSignal[]): Promise<void> {
  const first = childAbort(...signals);
  await new Promise<void>((resolve) => {
    if (first.signal.aborted) resolve();
    else first.signal.addEventListener('abort', () => resolve());
  });
  first.detach();
}

/** The promise's result, or a `TimeoutError` naming `what` after `ms`. The promise itself goes on. */
export async function withTimeout<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(what, ms)), ms);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** An outer signal's child that can also be aborted by itself; `detach` ends the tie so that the outer may live on. */
export interface ChildAbort {
  readonly signal: AbortSignal;
  abort(reason: Error): void;
  detach(): void;
}

/**
 * A signal that aborts with any of `parents`, or by its own `abort`. Listeners are removed by `detach`.
 * (`AbortSignal.any` of Node 20 leaves a trace on each of them, and some live as long as the service.)
 */
export function childAbort(...parents: readonly AbortSignal[]): ChildAbort {
  const controller = sharedAbort();
  const ties = parents.map((parent) => {
    const onAbort = (): void => controller.abort(abortReason(parent));
    if (parent.aborted) onAbort();
    else parent.addEventListener('abort', onAbort);
    return () => parent.removeEventListener('abort', onAbort);
  });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    detach: () => ties.forEach((untie) => untie()),
  };
}
