import { setMaxListeners } from 'node:events';

/** A controller whose signal many wait for at once (bounded by prefetch and concurrency): Node shall not warn of it. */
export function sharedAbort(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
