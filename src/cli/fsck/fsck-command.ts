import type { Command } from 'commander';
import { fsck, type FsckScene } from '../../check/fsck.ts';
import { remedyOf, suspectsOf } from '../../check/remedies.ts';
import { summaryOf, type Difference } from '../../check/verify.ts';
import type { Config } from '../../config/load.ts';
import type { Database } from '../../db/database.ts';
import { mountsOf } from '../../drivers/registry.ts';
import { mountPoints } from '../../drivers/remotefs/mount-table.ts';
import type { Mending } from '../../drivers/volume-driver.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { silentLogger } from '../../log/logger.ts';
import { identityOf } from '../../service/identity.ts';
import type { CommandIo, Finish } from '../command-io.ts';
import { addConfigOptions, configOf } from '../config-option.ts';
import { openDatabaseOf } from '../drive/open-rows.ts';
import { openUpkeep } from './open-upkeep.ts';

interface Flags {
  readonly json?: boolean;
  readonly repair?: boolean;
}

/** A difference, and the command or step that settles it. */
type Told = Pick<Difference, 'kind' | 'subject' | 'problem'> & { readonly remedy: string | null };

type Place = Omit<FsckScene, 'db'> & { readonly name: string; readonly host: string };

/** `fsck BACKEND`: whether rows, `.info` files, chains and files agree. For a machine on which the shares are mounted. */
export function addFsckCommand(program: Command, io: CommandIo, finish: Finish): void {
  const command = program
    .command('fsck')
    .argument('<backend>', "its section's name in the configuration")
    .description("compare a backend's rows, .info files, chains and files: exit code 3, or 0");
  const given = addConfigOptions(command);
  command
    .option('--repair', 'put right what is beyond doubt, under the locks of the replicas; nothing is changed without')
    .option('--json', 'print JSON')
    .action(async (name: string, flags: Flags) => {
      const config = await configOf(given());
      const place = await placeOf(config, name);
      const rows = await openDatabaseOf(config, io.signal);
      try {
        const first = await fsck({ ...place, db: rows.db }, io.signal);
        const mended = flags.repair === true ? await repair(config, place, rows.db, first, io) : null;
        const found = mended === null || mended.length === 0 ? first : await fsck({ ...place, db: rows.db }, io.signal);
        const told = found.map((one) => toldOf(one, place));
        io.print(flags.json === true ? asJson(told, mended) : asText(told, mended ?? [], summaryOf(found)));
        if (found.length > 0) finish(3);
      } finally {
        await rows.close();
      }
    });
}

async function repair(
  config: Config,
  { name, names }: Place,
  db: Database,
  found: readonly Difference[],
  io: CommandIo,
): Promise<readonly Mending[]> {
  const suspects = suspectsOf(found);
  if (suspects.length === 0) return [];
  const opened = await openUpkeep(config, { name, names, db }, io);
  try {
    return await opened.upkeep.mend(suspects, io.signal);
  } finally {
    await opened.close();
  }
}

async function placeOf(config: Config, name: string): Promise<Place> {
  const { service } = config.settings;
  const { host, clusterName } = identityOf(name, service, config.backend(name));
  const names = [host, ...(clusterName === null ? [] : [clusterName])];
  const { volumeNameTemplate } = service;
  return { name, host: clusterName ?? host, names, shares: await sharesOf(config, name), volumeNameTemplate };
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

function toldOf({ kind, subject, problem, about }: Difference, place: Place): Told {
  return { kind, subject, problem, remedy: about === undefined ? null : remedyOf(about, place) };
}

function asJson(found: readonly Told[], mended: readonly Mending[] | null): string {
  return JSON.stringify(mended === null ? found : { mended, differences: found }, null, 2);
}

function asText(found: readonly Told[], mended: readonly Mending[], summary: string): string {
  const of = (file: string, what: string): string => `${file} ${what}`;
  const settled = mended.filter(({ done }) => done);
  const kept = mended.filter(({ done }) => !done);
  const lines = [
    ...settled.map(({ file, what }) => `repaired: ${of(file, what)}`),
    ...kept.map(({ file, what }) => `not repaired: ${of(file, what)}`),
    ...found.flatMap(({ kind, subject, problem, remedy }) => [
      `${kind}: ${of(subject, problem)}`,
      ...(remedy === null ? [] : [`  what settles it: ${remedy}`]),
    ]),
  ];
  const repairs = mended.length === 0 ? '' : `${settled.length} repaired, ${kept.length} not; `;
  return [...lines, ...(lines.length === 0 ? [] : ['']), `${repairs}${summary}`].join('\n');
}
