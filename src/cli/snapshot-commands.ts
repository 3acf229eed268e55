import type { Command } from 'commander';
import type { CommandIo, Finish } from './command-io.ts';
import { addDriveOptions, addWaitOptions, driveAll, wholeNumber, type DriveFlags } from './drive/drive-commands.ts';
import { table } from './table.ts';

/** `snapshot create | list | delete`: drive replicas without a cloud. */
export function addSnapshotCommands(program: Command, io: CommandIo, finish: Finish): void {
  const snapshot = program.command('snapshot').description('create, list and delete snapshots by RPC, without an API');
  addCreate(snapshot, io, finish);
  addList(snapshot, io);
  addDelete(snapshot, io, finish);
}

interface CreateFlags extends DriveFlags {
  readonly count: number;
  readonly name: string;
}

function addCreate(parent: Command, io: CommandIo, finish: Finish): void {
  const create = parent.command('create').argument('<volume...>').description('ask for new snapshots of volumes');
  const withDrive = addDriveOptions(addWaitOptions(create), io);
  create
    .option('--count <n>', 'how many of each volume', wholeNumber, 1)
    .option('--name <name>', 'display name; a number is added if there are several', 'snapshot');
  create.action((volumeIds: readonly string[], flags: CreateFlags) =>
    withDrive(flags, (drive) => {
      const send = volumeIds.flatMap((volumeId) =>
        Array.from({ length: flags.count }, (_, index) => () => {
          const name = flags.count === 1 ? flags.name : `${flags.name}-${index + 1}`;
          return drive.requests.createSnapshot(volumeId, name);
        }),
      );
      return driveAll(drive, flags, io, finish, { type: 'snapshot', goal: 'available', send });
    }),
  );
}

function addList(parent: Command, io: CommandIo): void {
  const list = parent.command('list').description('the snapshots that are not deleted');
  const withDrive = addDriveOptions(list, io);
  list.action((flags: DriveFlags) =>
    withDrive({ ...flags, bypassApi: true }, async (drive) => {
      const snapshots = await drive.snapshots();
      if (flags.json === true) {
        io.print(JSON.stringify(snapshots, null, 2));
        return;
      }
      const rows = snapshots.map((row) => [
        row.id,
        row.display_name ?? '',
        row.status ?? '',
        row.volume_size ?? 0,
        row.volume_id,
      ]);
      io.print(table(['ID', 'Name', 'Status', 'GiB', 'Volume'], rows));
    }),
  );
}

function addDelete(parent: Command, io: CommandIo, finish: Finish): void {
  const remove = parent.command('delete').argument('<id...>').description('ask for the end of snapshots');
  const withDrive = addDriveOptions(addWaitOptions(remove), io);
  remove.action((ids: readonly string[], flags: DriveFlags) =>
    withDrive(flags, (drive) => {
      const send = ids.map((id) => async () => {
        await drive.requests.deleteSnapshot(id);
        return id;
      });
      return driveAll(drive, flags, io, finish, { type: 'snapshot', goal: 'gone', send, subjects: ids });
    }),
  );
}
