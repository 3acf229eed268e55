import { BootClock } from '../../native/boot-clock.ts';
import { CommandGuard, type GuardStart, type ToGuard } from './command-guard.ts';

/*
 * Stands between `lock run` and its command, so that the command ends also when `lock run` is frozen or killed. It
 * ends when the command has ended and that was told, or nobody is left to tell.
 */

const start = JSON.parse(process.argv[2] ?? '') as GuardStart;
const guard = new CommandGuard(start, new BootClock(), (message) => {
  if (process.connected) process.send?.(message, () => process.disconnect());
});

// `lock run` decides: a terminal's Ctrl-C or a unit's SIGTERM may go to both.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.on('message', (message: ToGuard) => guard.receive(message));
process.on('disconnect', () => guard.orphaned());
