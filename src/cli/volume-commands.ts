import type { Command } from 'commander';
import { InvalidInputError } from '../kernel/errors.ts';
import type { CommandIo, Finish } from './command-io.ts';
import { addDriveOptions, addWaitOptions, driveAll, wholeNumber, type DriveFlags } from './drive/drive-commands.ts';
import type { NewVolume } from './drive/requests.ts';
import { table } from './table.ts';

interface CreateFlags extends DriveFlags {
  readonly count: number;
  readonly size?: number;
  readonly source?: string;
  readonly snapshot?: string;
  readonly name: string;
  readonly type?: string;
  readonly backend?: string;
}

/** `volume create | list | delete`: drive replicas without a cloud. */
export function addVolumeCommands(program: Command, io: CommandIo, finish: Finish): void {
  const volume = program.command('volume').description('create, list and delete volumes by RPC, without an API');
  addCreate(volume, io, finish);
  addList(volume, io);
  addDelete(volume, io, finish);
}

function addCreate(parent: Command, io: CommandIo, finish: Finish): void {
  const create = parent.command('create').description('ask for new volumes');
  const withDrive = addDriveOptions(addWaitOptions(create), io);
  create
    .option('--count <n>', 'how many', wholeNumber, 1)
    .option('--size <GiB>', "size of each; by default 1, or the source's", wholeNumber)
    .option('--source <volume>', 'copy this volume')
    .option('--snapshot <snapshot>', 'copy this snapshot')
    .option('--name <name>', 'display name; a number is added if there are several', 'volume')
    .option('--type <name>', "volume type; by default the configuration's default_volume_type")
    .option('--backend <name>', 'where: the name of a backend, host@backend or cluster@backend');
  create.action((flags: CreateFlags) =>
    withDrive(flags, async (drive) => {
      const [target, type] = [await drive.target(flags.backend), await drive.volumeType(flags.type)];
      const from = sourceOf(flags);
      const sizeGb = flags.size ?? (await drive.sizeOf(from));
      const send = Array.from({ length: flags.count }, (_, index) => () => {
        const name = flags.count === 1 ? flags.name : `${flags.name}-${index + 1}`;
        const request: NewVolume = { name, sizeGb, ...(from === undefined ? {} : { from }) };
        return drive.requests.createVolume(request, target, type);
      });
      await driveAll(drive, flags, io, finish, { type: 'volume', goal: 'available', send });
    }),
  );
}

function sourceOf({ source, snapshot }: CreateFlags): NewVolume['from'] {
  if (source !== undefined && snapshot !== undefined) {
    throw new InvalidInputError('--source', 'excludes --snapshot: a volume is a copy of one of them');
  }
  if (source !== undefined) return { volumeId: source };
  return snapshot === undefined ? undefined : { snapshotId: snapshot };
}

function addList(parent: Command, io: CommandIo): void {
  const list = parent.command('list').description('the volumes that are not deleted');
  const withDrive = addDriveOptions(list, io);
  list.action((flags: DriveFlags) =>
    withDrive({ ...flags, bypassApi: true }, async (drive) => {
      const volumes = await drive.volumes();
      if (flags.json === true) {
        io.print(JSON.stringify(volumes, null, 2));
        return;
      }
      const rows = volumes.map((row) => [
        row.id,
        row.display_name ?? '',
        row.status ?? '',
        row.size ?? 0,
        row.cluster_name ?? row.host ?? '',
      ]);
      io.print(table(['ID', 'Name', 'Status', 'GiB', 'Where'], rows));
    }),
  );
}

function addDelete(parent: Command, io: CommandIo, finish: Finish): void {
  const remove = parent.command('delete').argument('<id...>').description('ask for the end of volumes');
  const withDrive = addDriveOptions(addWaitOptions(remove), io);
  remove.option('--cascade', 'with their snapshots');
  remove.action((ids: readonly string[], flags: DriveFlags & { readonly cascade?: boolean }) =>
    withDrive(flags, (drive) => {
      const send = ids.map((id) => async () => {
        await drive.requests.deleteVolume(id, { cascade: flags.cascade ?? false });
        return id;
      });
      return driveAll(drive, flags, io, finish, { type: 'volume', goal: 'gone', send, subjects: ids });
    }),
  );
}
