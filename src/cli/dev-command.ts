import type { Command } from 'commander';
import { hasProgram } from '../check/image-check.ts';
import { startDevCluster } from '../dev/dev-cluster.ts';
import { useStateDir } from '../dev/state-dir.ts';
import { silentLogger } from '../log/logger.ts';
import type { CommandIo, Finish } from './command-io.ts';
import { wholeNumber } from './drive/drive-commands.ts';

interface DevFlags {
  readonly replicas: number;
  readonly stateDir?: string;
  readonly keep?: boolean;
}

/** `dev`: replicas on embedded servers, for looking and trying. Ends with this process, however that ends. */
export function addDevCommand(program: Command, io: CommandIo, finish: Finish): void {
  program
    .command('dev')
    .description('run replicas with an embedded PostgreSQL, an in-memory queue, file locks and a folder as the share')
    .option('--replicas <n>', 'how many', wholeNumber, 3)
    .option('--state-dir <folder>', 'where everything is kept; by default a new folder that is removed at the end')
    .option('--keep', 'do not remove it')
    .action(async (flags: DevFlags) => {
      const state = await useStateDir(flags.stateDir, flags.keep ?? false);
      try {
        finish(await runDev(flags, state.dir, io));
      } finally {
        await state.release();
      }
    });
}

async function runDev({ replicas }: DevFlags, dir: string, io: CommandIo): Promise<0 | 1> {
  const cluster = await startDevCluster({
    dir,
    replicas,
    program: process.argv[1] ?? '',
    snapshots: await hasProgram('qemu-img'),
    log: silentLogger,
    signal: io.signal,
    say: io.complain,
  });
  try {
    for (const { name, healthUrl, logFile } of cluster.replicas) {
      io.print(`${name}: ${healthUrl}/v1/status, log ${logFile}`);
    }
    io.print(`\nIn another terminal:\n  cinder-volume-aa volume create --wait --config-file ${cluster.configFile}`);
    io.print('Ctrl-C stops everything.');
    return await untilStopped(cluster.replicas, io);
  } finally {
    io.complain('stopping');
    await cluster.stop();
  }
}

/** 1 if every replica ended by itself: then there is nothing left to run for. */
export async function untilStopped(
  replicas: readonly { readonly name: string; readonly exited: Promise<string> }[],
  io: CommandIo,
): Promise<0 | 1> {
  const told = replicas.map(async ({ name, exited }) => {
    const how = await exited;
    if (!io.signal.aborted) io.complain(`${name} ended: ${how}`);
  });
  const stopped = new Promise<0>((resolve) => {
    if (io.signal.aborted) resolve(0);
    io.signal.addEventListener('abort', () => resolve(0), { once: true });
  });
  return Promise.race([stopped, Promise.all(told).then((): 1 => 1)]);
}
