import type { Command } from 'commander';
import { runDemo } from '../dev/demo.ts';
import { startDevCluster } from '../dev/dev-cluster.ts';
import { hasProgram } from '../check/image-check.ts';
import { useStateDir } from '../dev/state-dir.ts';
import { silentLogger } from '../log/logger.ts';
import type { CommandIo, ExitCode, Finish } from './command-io.ts';
import { untilStopped } from './dev-command.ts';
import { wholeNumber } from './drive/drive-commands.ts';

interface DemoFlags {
  readonly replicas: number;
  readonly volumes: number;
  readonly busy: number;
  readonly stateDir?: string;
  readonly keep?: boolean;
}

/** `demo`: load a development cluster, kill a replica, compare every row with every file. */
export function addDemoCommand(program: Command, io: CommandIo, finish: Finish): void {
  program
    .command('demo')
    .description('load three replicas, kill one on the way, then check every row against every file and chain')
    .option('--replicas <n>', 'how many', wholeNumber, 3)
    .option('--volumes <n>', 'volumes with a snapshot and two copies each', wholeNumber, 24)
    .option('--busy <n>', 'volumes of which much is wanted at once', wholeNumber, 5)
    .option('--state-dir <folder>', 'where everything is kept; by default a new folder that is removed at the end')
    .option('--keep', 'go on running at the end, with the volumes that are left, until Ctrl-C')
    .action(async (flags: DemoFlags) => {
      const state = await useStateDir(flags.stateDir, false);
      try {
        finish(await demo(flags, state.dir, io));
      } finally {
        await state.release();
      }
    });
}

async function demo(flags: DemoFlags, dir: string, io: CommandIo): Promise<ExitCode> {
  const since = performance.now();
  const snapshots = (await hasProgram('qemu-img')) && (await hasProgram('qemu-io'));
  const cluster = await startDevCluster({
    dir,
    replicas: flags.replicas,
    program: process.argv[1] ?? '',
    snapshots,
    log: silentLogger,
    signal: io.signal,
    say: io.complain,
  });
  try {
    const code = await runDemo({
      cluster,
      stories: { quick: flags.volumes, busy: flags.busy, snapshots },
      skipped: snapshots ? null : 'qemu-img is not installed (Debian, Ubuntu: apt-get install qemu-utils)',
      keep: flags.keep ?? false,
      signal: io.signal,
      print: io.print,
      progress: process.stderr,
    });
    io.complain(`${((performance.now() - since) / 1000).toFixed(0)} s`);
    if (flags.keep === true) {
      const running = cluster.replicas.filter((replica) => replica.isRunning());
      for (const { name, healthUrl } of running) io.print(`${name}: ${healthUrl}/v1/status`);
      io.print(`Configuration for commands: ${cluster.configFile}\nCtrl-C stops everything.`);
      await untilStopped(running, io);
    }
    return code;
  } finally {
    await cluster.stop();
  }
}
