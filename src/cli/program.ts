import { Command, CommanderError } from 'commander';
import type { CommandIo, Finish } from './command-io.ts';
import { addAdoptCommand } from './adopt/adopt-command.ts';
import { addConfigCommands } from './config-commands.ts';
import { addDbCommands } from './db-commands.ts';
import { addDemoCommand } from './demo-command.ts';
import { addDevCommand } from './dev-command.ts';
import { addFsckCommand } from './fsck/fsck-command.ts';
import { addLockCommands } from './lock/lock-commands.ts';
import { addRequestsCommands } from './requests-commands.ts';
import { addServiceCommands } from './service-commands.ts';
import { addSnapshotCommands } from './snapshot-commands.ts';
import { tellFailure } from './tell-failure.ts';
import { addVolumeCommands } from './volume-commands.ts';

/**
 * Runs one command of the command line and resolves with its exit code. A failure that is told in words (a
 * configuration that cannot be used, a server that does not answer, a volume that is not there) is 1.
 */
export async function runCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  let code = 0;
  const finish: Finish = (given) => (code = given);
  try {
    await buildProgram(io, finish).parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!tellFailure(error, io)) throw error;
    return 1;
  }
}

function buildProgram(io: CommandIo, finish: Finish): Command {
  const program = new Command('cinder-volume-aa')
    .description('An active/active cinder-volume. Without a command: run one replica.')
    .version(io.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.print(text.trimEnd()), writeErr: (text) => io.complain(text.trimEnd()) });
  addVolumeCommands(program, io, finish);
  addSnapshotCommands(program, io, finish);
  addServiceCommands(program, io, finish);
  addLockCommands(program, io, finish);
  addRequestsCommands(program, io, finish);
  addFsckCommand(program, io, finish);
  addDbCommands(program, io, finish);
  addConfigCommands(program, io, finish);
  addAdoptCommand(program, io, finish);
  addDevCommand(program, io, finish);
  addDemoCommand(program, io, finish);
  return program;
}
