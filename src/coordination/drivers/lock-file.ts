import { never } from '../../kernel/abort.ts';
import { closeSync, constants, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FifoSemaphore } from '../../kernel/fifo-semaphore.ts';
import { ofdUnlock, ofdUnlockInPool, tryOfdLock, tryOfdLockInPool } from '../../native/ofd-lock.ts';

/** For writing, as the exclusive lock demands; made if missing, never truncated. libuv adds O_CLOEXEC to every open. */
const openFlags = constants.O_WRONLY | constants.O_CREAT;
/** What Python's open() uses: the umask decides. */
const openMode = 0o666;

/** An open lock file. `close` gives the lock back, if it was won, and is the end of the object. */
export interface LockFile {
  tryLock(): Promise<boolean>;
  /** Resolves when the file's server has confirmed a write made through this very descriptor. */
  prove(): Promise<void>;
  close(): Promise<void>;
}

/** On a local file system: calls of microseconds, made on the spot, so that no hung mount elsewhere delays them. */
export function openLocalLockFile(path: string): Promise<LockFile> {
  return attempt(() => {
    const fd = openSync(path, openFlags, openMode);
    return {
      tryLock: () => attempt(() => tryOfdLock(fd)),
      prove: () => Promise.resolve(),
      close: () =>
        attempt(() => {
          try {
            ofdUnlock(fd);
          } finally {
            closeSync(fd);
          }
        }),
    };
  });
}

/**
 * On a file system whose server may not answer: every call runs on the thread pool. `slots` bounds how many do at a
 * time, because four hung calls would stop all other files and name look-ups of the process. `signal` ends the wait
 * for a slot to open the file in.
 */
export async function openRemoteLockFile(path: string, slots: FifoSemaphore, signal: AbortSignal): Promise<LockFile> {
  const handle = await slots.with(signal, () => open(path, openFlags, openMode));
  const inSlot = <T>(call: () => Promise<T>): Promise<T> => slots.with(never, call);
  return {
    tryLock: () => inSlot(() => tryOfdLockInPool(handle.fd)),
    prove: () =>
      inSlot(async () => {
        // One byte, always the first: the file does not grow, and no peer reads it.
        await handle.write('\n', 0);
        await handle.sync();
      }),
    close: () =>
      inSlot(async () => {
        try {
          await ofdUnlockInPool(handle.fd);
        } finally {
          await handle.close();
        }
      }),
  };
}

/** A synchronous call's result or error as a promise. */
function attempt<T>(call: () => T): Promise<T> {
  return new Promise((resolve) => resolve(call()));
}
