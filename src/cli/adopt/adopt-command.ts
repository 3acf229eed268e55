import type { Command } from 'commander';
import type { CommandIo, Finish } from '../command-io.ts';
import { addConfigOptions, configOf } from '../config-option.ts';
import { checkDatabaseOf, openDatabaseOf } from '../drive/open-rows.ts';
import { lookBack } from './look-back.ts';
import { lookForward } from './look-forward.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly back?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly keepTables?: boolean;
}

/** `adopt [--dry-run]`: from one host into the cluster of the conf file; `adopt --back`: to one Python service. */
export function addAdoptCommand(program: Command, io: CommandIo, finish: Finish): void {
  const adopt = program
    .command('adopt')
    .description("move the volumes of one host into this configuration's cluster, or back")
    .option('--dry-run', 'say what would change, and change nothing: exit code 3 if something hinders it')
    .option('--from <host>', 'the host that made the volumes (default: the one of the configuration)')
    .option('--back', 'the other way: rows and begun work to one Python service, our tables dropped')
    .option('--to <host>', 'with --back: the host of the Python service (default: the one of the configuration)')
    .option('--keep-tables', 'with --back: leave our own tables, for coming again');
  const given = addConfigOptions(adopt);
  adopt.action(async (options: Options) => {
    const config = await configOf(given());
    const refuse = (hindrances: readonly string[]): void => {
      for (const hindrance of hindrances) io.complain(`not now: ${hindrance}`);
      finish(options.dryRun === true ? 3 : 1);
    };
    const { problems } = await checkDatabaseOf(config);
    if (problems.length > 0) return refuse(problems.map((problem) => `${problem}; cinder-volume-aa db sync`));
    const rows = await openDatabaseOf(config, io.signal);
    try {
      const looked =
        options.back === true
          ? await lookBack(config, rows.db, { host: options.to, keepTables: options.keepTables ?? false })
          : await lookForward(config, rows.db, { host: options.from });
      io.print(looked.report);
      if (looked.hindrances.length > 0) return refuse(looked.hindrances);
      if (options.dryRun === true) return io.print('nothing was changed (--dry-run)');
      await looked.act();
      io.print('done');
      for (const late of await looked.late()) io.complain(late);
    } finally {
      await rows.close();
    }
  });
}
