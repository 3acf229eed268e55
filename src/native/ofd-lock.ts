import koffi from 'koffi';

/*
 * Open-file-description locks (fcntl(2), F_OFD_*): they belong to the open file, not to the process, so opening and
 * closing the same file elsewhere in the process does not give them away, as it does POSIX record locks; and the two
 * kinds exclude each other, so Python's fasteners (POSIX) and we do.
 */

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const F_UNLCK = 2;

interface Flock {
  l_type: number;
  l_whence: number;
  l_start: number;
  l_len: number;
  l_pid: number;
}

/** `struct flock` of 64-bit Linux, glibc and musl. Without a name: koffi's type names are global to the process. */
const flockStruct = koffi.struct({
  l_type: 'short',
  l_whence: 'short',
  l_start: 'int64_t',
  l_len: 'int64_t',
  l_pid: 'int',
});

/** Declared without `...`: Linux passes a variadic pointer as any other on x64 and arm64, and koffi is faster so. */
const fcntl = koffi.load(null).func('fcntl', 'int', ['int', 'int', koffi.inout(koffi.pointer(flockStruct))]);

/** A system call said no; `code` is the errno's name, as in Node's own errors. */
export class SystemCallError extends Error {
  readonly code: string;
  constructor(call: string, errno: number) {
    const code = errnoName(errno);
    super(`${call}: ${code}`);
    this.name = 'SystemCallError';
    this.code = code;
  }
}

/** Tries for the exclusive lock on the whole open file; false if somebody else has it. Never waits. */
export function tryOfdLock(fd: number): boolean {
  const result: unknown = fcntl(fd, F_OFD_SETLK, wholeFile(F_WRLCK));
  return wasLocked(Number(result), koffi.errno());
}

/** The same on a thread of the pool, for files whose server may not answer. */
export function tryOfdLockInPool(fd: number): Promise<boolean> {
  return inPool(fd, F_OFD_SETLK, wholeFile(F_WRLCK)).then(({ result, errno }) => wasLocked(result, errno));
}

/**
 * Gives the lock back. Closing the descriptor does so too, but only when no child forked in between has a copy of
 * it; unlocking works at once whoever has copies.
 */
export function ofdUnlock(fd: number): void {
  const result: unknown = fcntl(fd, F_OFD_SETLK, wholeFile(F_UNLCK));
  if (Number(result) !== 0) throw new SystemCallError('fcntl(F_OFD_SETLK, F_UNLCK)', koffi.errno());
}

/** The same on a thread of the pool. */
export async function ofdUnlockInPool(fd: number): Promise<void> {
  const { result, errno } = await inPool(fd, F_OFD_SETLK, wholeFile(F_UNLCK));
  if (result !== 0) throw new SystemCallError('fcntl(F_OFD_SETLK, F_UNLCK)', errno);
}

/** Who bars this open file from the lock: a process with a record lock, some open file (`pid` -1), or nobody. */
export async function ofdLockOwner(fd: number): Promise<{ readonly pid: number } | undefined> {
  const lock = wholeFile(F_WRLCK);
  const { result, errno } = await inPool(fd, F_OFD_GETLK, lock);
  if (result !== 0) throw new SystemCallError('fcntl(F_OFD_GETLK)', errno);
  return lock.l_type === F_UNLCK ? undefined : { pid: lock.l_pid };
}

function wholeFile(type: number): Flock {
  return { l_type: type, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
}

function wasLocked(result: number, errno: number): boolean {
  if (result === 0) return true;
  const code = errnoName(errno);
  if (code === 'EAGAIN' || code === 'EACCES') return false;
  throw new SystemCallError('fcntl(F_OFD_SETLK)', errno);
}

function inPool(fd: number, command: number, lock: Flock): Promise<{ result: number; errno: number }> {
  return new Promise((resolve, reject) => {
    fcntl.async(fd, command, lock, (error: Error | null, result: number) => {
      // Here and not later: the next call of this thread overwrites it.
      const errno = koffi.errno();
      if (error === null) resolve({ result, errno });
      else reject(error);
    });
  });
}

function errnoName(errno: number): string {
  const known = Object.entries(koffi.os.errno).find(([, number]) => number === errno);
  return known?.[0] ?? `errno ${errno}`;
}
