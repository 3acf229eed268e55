import { AppError, messageOf } from '../../kernel/errors.ts';
import type { Progress } from '../progress.ts';
import type { Ending } from './row-watch.ts';

/** One request of a command, as it ended. */
export interface Outcome {
  readonly id: string | null;
  readonly ok: boolean;
  /** `available`, `gone`, `sent` (not waited for), the status in which it stays, or what was wrong. */
  readonly result: string;
  readonly tookMs: number;
}

/** Sends a request and, where it is wanted, waits for its end. */
export interface Request {
  /** What it is about, where that exists before; null: it makes something new. */
  readonly subject: string | null;
  /** Resolves with the resource's id once the message is sent. */
  readonly send: () => Promise<string>;
  /** Undefined: do not wait. */
  readonly wait: ((id: string) => Promise<Ending>) | undefined;
  readonly reached: string;
}

/** Runs all requests, `atOnce` at the same time, and resolves with their ends in the given order. */
export async function runMany(
  requests: readonly Request[],
  atOnce: number,
  progress: Progress,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = requests.entries();
  const worker = async (): Promise<void> => {
    for (const [index, request] of queue) {
      const outcome = await runOne(request);
      outcomes[index] = outcome;
      progress.step(outcome.ok);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, requests.length) }, worker));
  return outcomes;
}

async function runOne({ subject, send, wait, reached }: Request): Promise<Outcome> {
  const since = performance.now();
  const took = (): number => Math.round(performance.now() - since);
  let id = subject;
  try {
    const sent = await send();
    id = sent;
    if (wait === undefined) return { id, ok: true, result: 'sent', tookMs: took() };
    const ending = await wait(sent);
    if (ending.kind === 'reached') return { id, ok: true, result: reached, tookMs: took() };
    const result = ending.kind === 'failed' ? ending.status : `still ${ending.status}`;
    return { id, ok: false, result, tookMs: took() };
  } catch (error) {
    // What was refused in words is one request's end; anything else ends the command.
    if (!(error instanceof AppError)) throw error;
    return { id, ok: false, result: messageOf(error), tookMs: took() };
  }
}
