import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Lease } from '../../coordination/coordinator.ts';
import { AppError } from '../../kernel/errors.ts';
import type { FromGuard, GuardStart, Proven, ToGuard } from './command-guard.ts';
import { lockProcessPath } from './entry-path.ts';

/** How often the guard is told of a newer proof: well within any lock's life. */
const renewEveryMs = 200;

/** The process between us and the command is gone without a word. */
class GuardGoneError extends AppError {
  readonly code = 'GUARD_GONE';
  constructor(how: string) {
    super(`the guard of the command ended (${how}); the command was killed with it`, { outcome: 'unknown' });
  }
}

export interface GuardedCommand {
  readonly argv: readonly string[];
  readonly lease: Lease;
  readonly killAfterMs: number;
  /** When it aborts, the command is asked to end; it keeps the lock until it has. */
  readonly signal: AbortSignal;
}

/** Runs a command for as long as a lease lasts; resolves with its exit code as a shell would give it. */
export async function runGuarded({ argv, lease, killAfterMs, signal }: GuardedCommand): Promise<number> {
  const start: GuardStart = { argv, proven: provenOf(lease), killAfterMs };
  const guard = spawn(process.execPath, [lockProcessPath('lock-guard-process'), JSON.stringify(start)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  const send = (message: ToGuard): void => {
    if (guard.connected) guard.send(message, () => undefined);
  };
  const renewals = setInterval(() => send({ op: 'proven', proven: provenOf(lease) }), renewEveryMs);
  const onLost = (): void => {
    clearInterval(renewals);
    send({ op: 'lost' });
  };
  const onStop = (): void => send({ op: 'signal', signal: 'SIGTERM' });
  lease.signal.addEventListener('abort', onLost, { once: true });
  signal.addEventListener('abort', onStop, { once: true });
  if (lease.signal.aborted) onLost();
  if (signal.aborted) onStop();
  try {
    return exitCodeOf(await ended(guard));
  } finally {
    clearInterval(renewals);
    signal.removeEventListener('abort', onStop);
    lease.signal.removeEventListener('abort', onLost);
  }
}

function provenOf({ provableUntilMs }: Lease): Proven {
  if (provableUntilMs === Infinity) return null;
  return Math.max(provableUntilMs, 0);
}

function ended(guard: ChildProcess): Promise<FromGuard> {
  return new Promise((resolve, reject) => {
    guard.once('error', reject);
    guard.on('message', (message: FromGuard) => resolve(message));
    // Not `exit`, which may overtake the message.
    guard.once('close', (code, signal) => reject(new GuardGoneError(signal ?? `exit code ${code ?? 'unknown'}`)));
  });
}

function exitCodeOf({ code, signal }: FromGuard): number {
  return signal === null ? (code ?? 255) : 128 + constants.signals[signal];
}
