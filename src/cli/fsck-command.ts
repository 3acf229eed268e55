import type { Command } from 'commander';
import { fsck } from '../check/fsck.ts';
import { summaryOf, type Difference } from '../check/verify.ts';
import type { Config } from '../config/load.ts';
import { mountsOf } from '../drivers/registry.ts';
import { mountPoints } from '../drivers/remotefs/mount-table.ts';
import { InvalidInputError } from '../kernel/errors.ts';
import { silentLogger } from '../log/logger.ts';
import { identityOf } from '../service/identity.ts';
import type { CommandIo, Finish } from './command-io.ts';
import { addConfigOptions, configOf } from './config-option.ts';
import { openDatabaseOf } from './drive/open-rows.ts';
import { table } from './table.ts';

/** `fsck BACKEND`: whether rows, `.info` files, chains and files agree. For a machine on which the shares are mounted. */
export function addFsckCommand(program: Command, io: CommandIo, finish: Finish): void {
  const command = program
    .command('fsck')
    .argument('<backend>', "its section's name in the configuration")
    .description("compare a backend's rows, .info files, chains and files: exit code 3, or 0; changes nothing");
  const given = addConfigOptions(command);
  command.option('--json', 'print JSON').action(async (name: string, { json = false }: { readonly json?: boolean }) => {
    const config = await configOf(given());
    const shares = await sharesOf(config, name);
    const { service } = config.settings;
    const { host, clusterName } = identityOf(name, service, config.backend(name));
    const rows = await openDatabaseOf(config, io.signal);
    try {
      const names = [host, ...(clusterName === null ? [] : [clusterName])];
      const scene = { db: rows.db, names, shares, volumeNameTemplate: service.volumeNameTemplate };
      const found = await fsck(scene, io.signal);
      io.print(json ? JSON.stringify(found, null, 2) : shown(found));
      if (found.length > 0) finish(3);
    } finally {
      await rows.close();
    }
  });
}

/** @throws InvalidInputError where one is not mounted: a folder without its share would look as if all was lost */
async function sharesOf(
  config: Config,
  name: string,
): Promise<{ readonly location: string; readonly folder: string }[]> {
  const options = config.backend(name);
  const mounts = mountsOf(options.volumeDriver, options, silentLogger);
  const found = (await mounts.load()).map(({ location }) => ({ location, folder: mounts.folderOf(location) }));
  const mounted = await mountPoints();
  for (const { location, folder } of found) {
    if (!mounts.remote || mounted.has(folder)) continue;
    throw new InvalidInputError(name, `${location} is not mounted at ${folder}: run this where a replica serves it`);
  }
  return found;
}

function shown(found: readonly Difference[]): string {
  const lines = found.map(({ kind, subject, problem }) => [kind, subject, problem]);
  return [...(lines.length === 0 ? [] : [table(['Kind', 'What', 'Problem'], lines), '']), summaryOf(found)].join('\n');
}
