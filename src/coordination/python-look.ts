import { delay, raceAbort } from '../kernel/abort.ts';
import type { Coordinator, Lease } from './coordinator.ts';
import { lockNames } from './lock-names.ts';

/** Whether an answer came from Python's service or from a replica of ours; `nobody`: none came in time. */
export type Answerer = 'python' | 'ours' | 'nobody';

/**
 * - `none`: every request was answered by one of ours.
 * - `meets`: a Python service waited for the lock that we held.
 * - `apart`: a Python service went on although we held the lock.
 * - `unsure`: some request was not answered: whoever took it is busy, frozen, or gone.
 */
export type PythonMeeting = 'none' | 'meets' | 'apart' | 'unsure';

export interface PythonLookOptions {
  readonly coordinator: Coordinator;
  /** The id of no volume. One for the life of a process: Python keeps a lock's file for ever. */
  readonly probeId: string;
  /**
   * Sends, to the queue of a `host@backend`, a request which Python does under the lock of the volume `probeId`, and
   * which it then refuses as there is no such volume. Ours refuse it at once. Never rejects but with the signal's reason.
   */
  readonly ask: (backend: string, signal: AbortSignal) => Promise<Answerer>;
  /** How long the lock is held (2 s): who does not wait for it has answered by then. */
  readonly holdMs?: number;
  readonly signal: AbortSignal;
}

const holdMsByDefault = 2000;

/** Readers of one queue are served in turn: so many requests for each that may be there reach all of them. */
const requestsEach = 2;

/**
 * Whether Python's services on a backend's queue wait for our locks. They know nothing of members that meet, so they
 * are asked for something that they do under a lock, while we hold it: a good answer is one that comes after we let go.
 *
 * @param readers how many may read the queue; a surplus costs a request each
 */
export async function lookForPython(
  backend: string,
  readers: number,
  options: PythonLookOptions,
): Promise<PythonMeeting> {
  const { coordinator, probeId, ask, signal } = options;
  const lease = await coordinator.acquire([lockNames.attachVolume(probeId)], { waitMs: 'forever', signal });
  // What is counted as early was answered while the lease still held.
  let early = 0;
  const asked = async (): Promise<Answerer> => {
    const by = await ask(backend, signal);
    if (by === 'python' && isHeld(lease)) early += 1;
    return by;
  };
  const answers = Promise.all(Array.from({ length: readers * requestsEach }, asked));
  // If we are stopped meanwhile, nobody waits for them any more.
  answers.catch(() => undefined);
  try {
    await raceAbort(Promise.race([answers, delay(options.holdMs ?? holdMsByDefault, signal)]), signal);
  } finally {
    await lease.release();
  }
  const all = await answers;
  if (early > 0) return 'apart';
  if (lease.signal.aborted || all.includes('nobody')) return 'unsure';
  return all.includes('python') ? 'meets' : 'none';
}

function isHeld(lease: Lease): boolean {
  try {
    lease.assertHeld();
    return true;
  } catch {
    return false;
  }
}
