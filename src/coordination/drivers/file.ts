import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, statfs, unlink } from 'node:fs/promises';
import path from 'node:path';
import { abortReason, delay, never, raceAbort, withTimeout } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Health } from '../../kernel/component.ts';
import { isErrno, messageOf } from '../../kernel/errors.ts';
import { FifoSemaphore } from '../../kernel/fifo-semaphore.ts';
import { jittered } from '../../kernel/jitter.ts';
import { Loop } from '../../kernel/loop.ts';
import type { Logger } from '../../log/logger.ts';
import { ofdLockOwner } from '../../native/ofd-lock.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import { Custody, type HeldLock, type LockBackend } from '../lock-backend.ts';
import { fileSystemKind, type FileSystemKind } from './file-system-kind.ts';
import { nfsLeaseMs } from './nfs-lease.ts';
import { openLocalLockFile, openRemoteLockFile, type LockFile } from './lock-file.ts';

/**
 * The pauses between attempts grow by this much up to that, as fasteners' do, each shortened or lengthened by up to a
 * quarter: who looks oftener than Python's clients gets the lock oftener.
 */
const pauseStepMs = 10;
const longestPauseMs = 100;

/** Calls on a network file system that may be on the thread pool (of four threads) at a time. */
const remoteCalls = 2;

/** Errors of a write to a lock file that say that the lock is gone; others (a full disk) only prove nothing. */
const lossErrors = ['EIO', 'ESTALE', 'EBADF', 'ENOLCK'] as const;

export interface FileBackendOptions {
  readonly directory: string;
  /** On network file systems: how long a confirmed write proves the lock. */
  readonly ttlMs: number;
  /** On network file systems: how long the start, a listing and a release wait for the server. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** For tests; otherwise statfs decides. */
  readonly fileSystem?: FileSystemKind;
}

/**
 * Tooz's `file://`: the lock on `cinder-<name>` is a lock on the whole file of that name, directly in the folder.
 * Files stay for ever: who unlinked one could leave two holders, one on each inode.
 *
 * On a local file system the lock ends with this process and in no other way, so it needs no heartbeat. A network file
 * system can drop a lock silently (a lease that ran out, a restarted server); there each held lock proves itself by a
 * write and fsync through its own descriptor, which the server refuses once the lock behind it is lost, and which a
 * hung mount never confirms.
 */
export class FileBackend implements LockBackend {
  readonly name = 'file locks';
  readonly #options: FileBackendOptions;
  readonly #slots = new FifoSemaphore(remoteCalls);
  #fileSystem: FileSystemKind;
  #ttlMs: number;
  #problem: string | undefined = 'not started';

  constructor(options: FileBackendOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs;
    this.#fileSystem = options.fileSystem ?? { name: 'unknown', local: false, scope: 'host' };
  }

  get guarantees(): Guarantees {
    return { scope: this.#fileSystem.scope, survivesFailover: this.#fileSystem.local, fifo: false };
  }

  /** Makes the folder, and `groups` and `tmp` in it, which Tooz expects; proves that locks work there. */
  async start(signal: AbortSignal): Promise<void> {
    try {
      await raceAbort(withTimeout('the folder', this.#options.timeoutMs, this.#prepare(signal)), signal);
    } catch (error) {
      const { directory } = this.#options;
      throw new CoordinationError(`no locks in ${directory}: ${messageOf(error)}`, { cause: error });
    }
    this.#problem = undefined;
  }

  /** Held locks are left alone: they are either given back already, or guard work that still runs. */
  stop(): Promise<void> {
    this.#problem = 'stopped';
    return Promise.resolve();
  }

  health(): Health {
    return this.#problem === undefined ? { ok: true } : { ok: false, detail: this.#problem };
  }

  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    if (signal.aborted) return Promise.reject(abortReason(signal));
    const winning = this.#win(this.#pathOf(wireName), signal);
    // A call that hangs on a dead mount must not hold up the caller; what it wins too late it gives back itself.
    return raceAbort(winning, signal).catch((error: unknown) => {
      void winning.then(
        (lock) => lock.release(),
        () => undefined,
      );
      throw asCoordinationError(error, signal);
    });
  }

  async holders(): Promise<readonly Holder[]> {
    const { directory, timeoutMs } = this.#options;
    return raceAbort(this.#listHolders(directory), AbortSignal.timeout(timeoutMs));
  }

  async #listHolders(directory: string): Promise<readonly Holder[]> {
    const holders: Holder[] = [];
    for (const name of await readdir(directory)) {
      if (!name.startsWith('cinder-')) continue;
      const holder = await this.#slots.with(never, () => ownerOf(path.join(directory, name)));
      if (holder !== undefined) holders.push({ name, holder });
    }
    return holders;
  }

  /** The wire name holds no slash (lock-names), so this stays in the folder. */
  #pathOf(wireName: string): string {
    return path.join(this.#options.directory, path.basename(wireName));
  }

  #open(file: string, signal: AbortSignal): Promise<LockFile> {
    return this.#fileSystem.local ? openLocalLockFile(file) : openRemoteLockFile(file, this.#slots, signal);
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { directory } = this.#options;
    for (const folder of ['', 'groups', 'tmp']) await mkdir(path.join(directory, folder), { recursive: true });
    this.#fileSystem = this.#options.fileSystem ?? fileSystemKind((await statfs(directory)).type);
    if (this.#fileSystem.name === 'nfs') await this.#heedLease(directory);
    // A name that nobody else uses, so this one file may be unlinked.
    const probe = path.join(directory, 'tmp', `aa-probe-${randomUUID()}`);
    const file = await this.#open(probe, signal);
    try {
      if (!(await file.tryLock())) throw new Error('a lock on a new file is refused');
      await file.prove();
    } finally {
      await file.close();
      await unlink(probe);
    }
  }

  /** A proof that outlasts the server's lease is none: meanwhile the server may have given the lock to another. */
  async #heedLease(directory: string): Promise<void> {
    const leaseMs = await nfsLeaseMs(directory);
    if (leaseMs === undefined || leaseMs >= this.#ttlMs) return;
    this.#ttlMs = leaseMs;
    const message = `locks last ${leaseMs} ms, not lock_ttl: the NFS server of ${directory} keeps them no longer`;
    this.#options.log.warn({ lease_ms: leaseMs }, message);
  }

  async #win(file: string, signal: AbortSignal): Promise<HeldLock> {
    const lockFile = await this.#open(file, signal);
    try {
      for (let attempt = 1; !(await lockFile.tryLock()); attempt += 1) {
        const pauseMs = Math.min(longestPauseMs, attempt * pauseStepMs);
        await delay(jittered(pauseMs), signal);
      }
      return await this.#hold(lockFile);
    } catch (error) {
      await lockFile.close();
      throw error;
    }
  }

  async #hold(file: LockFile): Promise<HeldLock> {
    const custody = new Custody();
    const proving = this.#fileSystem.local ? undefined : this.#prover(file, custody);
    if (proving === undefined) custody.proof.extend(Infinity);
    else await this.#prove(file, custody);
    proving?.start(this.#ttlMs / 6);
    return custody.asLock(async () => {
      const { lost } = custody;
      custody.proof.end();
      const closing = (proving?.stop() ?? Promise.resolve()).then(() => file.close());
      await this.#settle(closing);
      return lost ? 'lost' : 'released';
    });
  }

  #prover(file: LockFile, custody: Custody): Loop {
    return new Loop({
      turn: () => this.#prove(file, custody),
      pauseMs: () => this.#ttlMs / 6,
      onError: (error) => {
        this.#options.log.warn({ err: error }, 'a lock file could not be written, so its lock is not proven');
        if (isErrno(error, ...lossErrors))
          custody.lose(`the file server refused a write under it: ${messageOf(error)}`);
      },
    });
  }

  async #prove(file: LockFile, custody: Custody): Promise<void> {
    const sentMs = this.#options.clock.nowMs();
    await file.prove();
    custody.proof.extend(sentMs + this.#ttlMs);
  }

  /** Waits for a close for a bounded time; on a hung mount it ends when the mount does. */
  async #settle(closing: Promise<void>): Promise<void> {
    try {
      await raceAbort(closing, AbortSignal.timeout(this.#options.timeoutMs));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a lock file was not closed cleanly');
    }
  }
}

function asCoordinationError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || !(error instanceof Error && 'code' in error)) return error;
  return new CoordinationError(`cannot lock a file: ${messageOf(error)}`, { cause: error });
}

/** Reading is enough to ask. Closing the descriptor gives away nothing: no lock of ours is a record lock. */
async function ownerOf(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r');
  try {
    const owner = await ofdLockOwner(handle.fd);
    if (owner === undefined) return undefined;
    // An open file's lock has no process: it is a TypeScript replica's, ours or another's on this host.
    return owner.pid === -1 ? 'a replica' : `pid ${owner.pid}`;
  } finally {
    await handle.close();
  }
}
