import { close, fstat, open, stat, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { isErrno } from '../kernel/errors.ts';

const openFile = promisify(open);
const closeFile = promisify(close);
const writeFile = promisify(write);
const statFile = promisify(stat);
const statDescriptor = promisify(fstat);

/** How much may wait for a slow disk or pipe before lines are dropped. */
const maxPendingBytes = 4 * 1024 * 1024;
const followEveryMs = 1000;
const pipeRetryMs = 20;

/** A place for lines. Nothing that goes wrong with it is thrown at whoever logs. */
export interface Sink {
  write(text: string): void;
  /** Opens the file again by its name, after log rotation. If that fails the old file is written on. */
  reopen(): Promise<void>;
  /** Writes what is waiting, but waits no longer than `withinMs`. */
  close(withinMs: number): Promise<void>;
  /** Writes what is waiting at once; for the last words of a process. */
  flushSync(): void;
}

/** Called when lines were lost and again when writing works again; `lost` counts them. */
export type OnLoss = (what: { readonly lost: number; readonly error: unknown; readonly recovered: boolean }) => void;

/** The file at `path`, for appending. Throws if it cannot be opened the first time. */
export async function openFileSink(path: string, onLoss: OnLoss): Promise<Sink> {
  return new DescriptorSink(await openLog(path), path, onLoss);
}

/** Standard output (1) or standard error (2). */
export function standardSink(descriptor: 1 | 2, onLoss: OnLoss): Sink {
  return new DescriptorSink(descriptor, undefined, onLoss);
}

/** Readable for log collectors, as upstream's; the umask may take that away. */
function openLog(path: string): Promise<number> {
  return openFile(path, 'a', 0o644);
}

/**
 * Lines wait in memory and go out in the order in which they came, one write at a time, off the main thread: a log on
 * a hung disk or a pipe that nobody reads costs lines, never time. All that touches the descriptor happens inside one
 * loop, so that it is never closed under a write.
 */
class DescriptorSink implements Sink {
  #descriptor: number;
  readonly #path: string | undefined;
  readonly #onLoss: OnLoss;
  #pending: string[] = [];
  #pendingBytes = 0;
  #loop: Promise<void> | undefined;
  #reopenWanted = false;
  #followedAtMs = 0;
  #lost = 0;
  #cutLine = false;
  #closed = false;

  constructor(descriptor: number, path: string | undefined, onLoss: OnLoss) {
    this.#descriptor = descriptor;
    this.#path = path;
    this.#onLoss = onLoss;
  }

  write(text: string): void {
    if (this.#closed) return;
    if (this.#pendingBytes + text.length > maxPendingBytes) return this.#lose(1, new Error('the log is too slow'));
    this.#pending.push(text);
    this.#pendingBytes += text.length;
    void this.#work();
  }

  async reopen(): Promise<void> {
    if (this.#closed) return;
    this.#reopenWanted = this.#path !== undefined;
    await this.#work();
  }

  async close(withinMs: number): Promise<void> {
    const limit = delay(withinMs);
    await Promise.race([this.#work(), limit.promise]);
    limit.cancel();
    // A write that hangs keeps its descriptor: another file could get the number while it is being written to.
    this.#closed = true;
    if (this.#loop === undefined && this.#path !== undefined) await closeFile(this.#descriptor);
  }

  flushSync(): void {
    const text = this.#take();
    try {
      if (text !== '' && !this.#closed) writeSync(this.#descriptor, text);
    } catch (error) {
      this.#lose(countLines(text), error);
    }
  }

  #work(): Promise<void> {
    this.#loop ??= this.#run();
    return this.#loop;
  }

  async #run(): Promise<void> {
    try {
      // Lines of one turn of the event loop go out in one write.
      await Promise.resolve();
      do {
        await this.#follow();
        const text = this.#take();
        if (text !== '') await this.#put(text);
      } while (this.#pending.length > 0 || this.#reopenWanted);
    } finally {
      // In the same turn as the last look at what is pending, or a line that comes in between would lie there.
      this.#loop = undefined;
    }
  }

  #take(): string {
    const text = this.#pending.join('');
    this.#pending = [];
    this.#pendingBytes = 0;
    return text;
  }

  async #put(text: string): Promise<void> {
    // A line that a full disk cut off must not run into the next one.
    const bytes = Buffer.from(this.#cutLine ? `\n${text}` : text);
    let done = 0;
    try {
      while (done < bytes.length) done += await this.#writeSome(bytes.subarray(done));
      this.#cutLine = false;
      this.#recovered();
    } catch (error) {
      this.#cutLine ||= done > 0;
      this.#lose(countLines(text), error);
    }
  }

  async #writeSome(bytes: Buffer): Promise<number> {
    try {
      return (await writeFile(this.#descriptor, bytes)).bytesWritten;
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error;
      await delay(pipeRetryMs).promise;
      return 0;
    }
  }

  /** Opens the file anew if asked to, or if its name leads to another file or nowhere (moved away, deleted). */
  async #follow(): Promise<void> {
    const path = this.#path;
    const dueAtMs = this.#followedAtMs + followEveryMs;
    if (path === undefined || (!this.#reopenWanted && performance.now() < dueAtMs)) return;
    this.#followedAtMs = performance.now();
    const wanted = this.#reopenWanted || (await isElsewhere(path, this.#descriptor));
    this.#reopenWanted = false;
    if (!wanted) return;
    try {
      const old = this.#descriptor;
      this.#descriptor = await openLog(path);
      this.#cutLine = false;
      await closeFile(old);
    } catch (error) {
      // Nothing is lost yet: the old descriptor still works, even if its file has no name any more.
      this.#onLoss({ lost: 0, error, recovered: false });
    }
  }

  #lose(lines: number, error: unknown): void {
    this.#lost += lines;
    this.#onLoss({ lost: this.#lost, error, recovered: false });
  }

  #recovered(): void {
    const lost = this.#lost;
    if (lost === 0) return;
    this.#lost = 0;
    this.#onLoss({ lost, error: undefined, recovered: true });
  }
}

async function isElsewhere(path: string, descriptor: number): Promise<boolean> {
  try {
    const [named, ours] = await Promise.all([statFile(path), statDescriptor(descriptor)]);
    return named.ino !== ours.ino || named.dev !== ours.dev;
  } catch {
    return true;
  }
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}

function delay(ms: number): { readonly promise: Promise<void>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  return { promise, cancel: () => clearTimeout(timer) };
}
