import { InvalidArgumentError, type Command } from 'commander';
import { lockName } from '../../coordination/lock-names.ts';
import type { CommandIo, Finish } from '../command-io.ts';
import { addConfigOptions, configOf } from '../config-option.ts';
import { tellFailure } from '../tell-failure.ts';
import { checkLocks } from './check-locks.ts';
import { findingLine, type Finding } from './finding.ts';
import { listLocks, lockTable } from './list-locks.ts';
import { lockRunExit, runUnderLock } from './run-under-lock.ts';

/** `lock run | list | check` */
export function addLockCommands(program: Command, io: CommandIo, finish: Finish): void {
  const lock = program.command('lock').description('the locks that replicas and Python services share');
  addRun(lock, io, finish);
  addList(lock, io);
  addCheck(lock, io, finish);
}

function addRun(parent: Command, io: CommandIo, finish: Finish): void {
  const { lost, notGot, failed } = lockRunExit;
  const run = parent
    .command('run')
    .usage('[options] <name> -- <command...>')
    .description('run a command under a lock, and kill it if the lock is lost')
    .argument('<name>', "the lock's name without cinder-, e.g. nfs-<volume id>")
    .argument('<command...>', 'the command and its arguments, after --')
    .addHelpText(
      'after',
      `\nExit code: the command's; ${lost} the lock was lost, ${notGot} it was not to be had, ${failed} this program failed.`,
    );
  const given = addConfigOptions(run);
  run.option('--wait <seconds>', 'how long to wait for the lock; by default for ever, 0: only try', seconds);
  run.action(async (name: string, argv: readonly string[], { wait }: { wait?: number }) => {
    try {
      const waitMs = wait === undefined ? 'forever' : wait * 1000;
      const asked = { name: lockName(name), argv, waitMs } as const;
      finish(await runUnderLock(asked, await configOf(given()), io));
    } catch (error) {
      // Not the command's 1: whoever asked must know that it did not run.
      if (!tellFailure(error, io)) throw error;
      finish(failed);
    }
  });
}

function addList(parent: Command, io: CommandIo): void {
  const list = parent.command('list').description('who holds which lock, for how long, and how many wait');
  const given = addConfigOptions(list);
  list.option('--json', 'print JSON');
  list.action(async ({ json = false }: { json?: boolean }) => {
    const locks = await listLocks(await configOf(given()), io);
    io.print(json ? JSON.stringify(locks, null, 2) : lockTable(locks));
  });
}

function addCheck(parent: Command, io: CommandIo, finish: Finish): void {
  const check = parent
    .command('check')
    .description('whether the locks are safe, how fast they are, and who else is there: exit code 3, or 0');
  const given = addConfigOptions(check);
  check
    .option('--quick', 'do not wait until a frozen and a dead owner have lost their locks')
    .option('--json', 'print JSON');
  check.action(async ({ quick = false, json = false }: { quick?: boolean; json?: boolean }) => {
    const findings: Finding[] = [];
    const report = (finding: Finding): void => {
      findings.push(finding);
      if (!json) io.print(findingLine(finding));
    };
    await checkLocks({ config: await configOf(given()), io, quick, report });
    if (json) io.print(JSON.stringify(findings, null, 2));
    if (findings.some(({ level }) => level === 'problem')) finish(3);
  });
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 86_400 * 365) return value;
  throw new InvalidArgumentError('must be a number of seconds.');
}
