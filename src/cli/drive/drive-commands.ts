import { InvalidArgumentError, type Command } from 'commander';
import type { CommandIo, Finish } from '../command-io.ts';
import { addConfigOptions, configOf } from '../config-option.ts';
import { Progress } from '../progress.ts';
import { table } from '../table.ts';
import { openDrive, type Drive } from './open-drive.ts';
import type { Goal } from './row-watch.ts';
import { runMany, type Outcome, type Request } from './run-many.ts';

/* What `volume` and `snapshot` commands have in common. */

export interface DriveFlags {
  readonly wait?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
  readonly bypassApi?: boolean;
}

/** Adds the options that every such command has; returns what runs its work on an open connection. */
export function addDriveOptions(command: Command, io: CommandIo): <T>(flags: DriveFlags, work: Work<T>) => Promise<T> {
  const given = addConfigOptions(command);
  command
    .option('--json', 'print JSON')
    .option('--bypass-api', 'write into a database that belongs to a cloud, past its API');
  return async (flags, work) => {
    const drive = await openDrive(await configOf(given()), { bypassApi: flags.bypassApi ?? false, signal: io.signal });
    try {
      return await work(drive);
    } finally {
      await drive.close();
    }
  };
}

type Work<T> = (drive: Drive) => Promise<T>;

export function addWaitOptions(command: Command): Command {
  return command
    .option('--wait', 'until each is done; exit code 1 if one failed')
    .option('--timeout <seconds>', 'how long to wait for each', wholeNumber, 600);
}

export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('must be a whole number, 1 or more.');
}

/** Some clients at once, as behind an API; more would only wait in the queue. */
const atOnce = 32;

export interface Sent {
  readonly type: 'volume' | 'snapshot';
  readonly goal: Goal;
  readonly send: readonly (() => Promise<string>)[];
  /** The resources that the requests are about, in the same order, where they exist already. */
  readonly subjects?: readonly string[];
}

/** Sends everything, shows how far it is, prints what came of it, and sets the exit code. */
export async function driveAll(
  drive: Drive,
  flags: DriveFlags,
  io: CommandIo,
  finish: Finish,
  sent: Sent,
): Promise<void> {
  const { type, goal } = sent;
  const wait = (id: string): ReturnType<Drive['watch']['until']> =>
    drive.watch.until({ type, id, goal }, flags.timeout * 1000);
  const requests = sent.send.map((send, index): Request => ({
    subject: sent.subjects?.[index] ?? null,
    send,
    wait: flags.wait === true ? wait : undefined,
    reached: goal,
  }));
  const progress = new Progress(process.stderr, requests.length);
  const outcomes = await runMany(requests, atOnce, progress).finally(() => progress.end());
  io.print(flags.json === true ? JSON.stringify(outcomes, null, 2) : outcomeTable(outcomes));
  if (outcomes.some(({ ok }) => !ok)) finish(1);
}

function outcomeTable(outcomes: readonly Outcome[]): string {
  return table(
    ['ID', 'Result', 'ms'],
    outcomes.map(({ id, result, tookMs }) => [id ?? '-', result, tookMs]),
  );
}
