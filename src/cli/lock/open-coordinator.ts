import { coordinatorOptions } from '../../app/coordinator-options.ts';
import type { Config } from '../../config/load.ts';
import { CoordinationError, type Coordinator } from '../../coordination/coordinator.ts';
import { createCoordinator } from '../../coordination/create.ts';
import { InvalidInputError, messageOf } from '../../kernel/errors.ts';
import { silentLogger, type Logger } from '../../log/logger.ts';
import { BootClock } from '../../native/boot-clock.ts';
import type { CommandIo } from '../command-io.ts';

const connectWithinMs = 15_000;
const stopWithinMs = 2_000;

export interface OpenCoordinator {
  readonly coordinator: Coordinator;
  readonly close: () => Promise<void>;
}

/** Connects to the lock service that a configuration names. */
export async function openCoordinator(config: Config, io: CommandIo): Promise<OpenCoordinator> {
  const options = coordinatorOptions(config.settings);
  if (options.url.startsWith('memory:'))
    throw new InvalidInputError('[coordination] backend_url', 'memory:// locks are known to their own process only');
  const coordinator = createCoordinator({ ...options, clock: new BootClock(), log: complainingLogger(io.complain) });
  const close = (): Promise<void> => coordinator.stop({ force: AbortSignal.timeout(stopWithinMs) });
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new CoordinationError(`the lock service does not answer within ${connectWithinMs} ms`)),
    connectWithinMs,
  );
  try {
    await coordinator.start(AbortSignal.any([io.signal, late.signal]));
    return { coordinator, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What goes wrong on the way is told where the command's own errors are. */
export function complainingLogger(complain: CommandIo['complain']): Logger {
  const tell = (fields: object, message: string): void => {
    const cause = 'err' in fields ? `: ${messageOf(fields.err)}` : '';
    complain(`warning: ${message}${cause}`);
  };
  return { ...silentLogger, warn: tell, error: tell, child: () => complainingLogger(complain) };
}
