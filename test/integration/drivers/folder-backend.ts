import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { volumeNameId, type Snapshot, type Volume } from '../../../src/domain/rows.ts';
import type { AssistedSnapshots } from '../../../src/drivers/assisted-snapshots.ts';
import type { DriverOptions } from '../../../src/drivers/driver-options.ts';
import { createDriver } from '../../../src/drivers/registry.ts';
import { assembleRemoteFs } from '../../../src/drivers/remotefs/assemble.ts';
import { FolderMounts } from '../../../src/drivers/remotefs/folder-mounts.ts';
import type { RemoteFsOptions } from '../../../src/drivers/remotefs/settings.ts';
import type {
  CloneAbility,
  DriverInfo,
  DriverWork,
  ExtendAbility,
  MigrationAbility,
  ManageAbility,
  ManageSnapshotAbility,
  RevertAbility,
  SnapshotAbility,
  VolumeDriver,
} from '../../../src/drivers/volume-driver.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { helperEntry, helperIsElsewhere } from './helper-machine.ts';
import { ShareFolder } from './share-folder.ts';

/** What replicas have in common besides the share. */
class Database {
  readonly rows = new Map<string, Snapshot>();
  readonly owners: Volume[] = [];
  readonly passphrases = new Map<string, string>();
  nextOwner = 1;
}

/** A folder that is another machine's: what its helper sees may be cached there. */
class RemoteFolder extends FolderMounts {
  override readonly remote = true;
}

const folderClass = 'cinder_volume_aa.drivers.FolderDriver';

const remoteInfo: DriverInfo = {
  driverClass: 'test.RemoteFolder',
  version: '1',
  activeActive: true,
  prefix: 'nfs',
  storageProtocol: 'nfs',
  sharedTargets: false,
};

/** A folder driver on a share of its own, and the rows that the database would hold. */
export class FolderBackend extends ShareFolder {
  readonly driver: VolumeDriver & {
    snapshots: SnapshotAbility;
    clone: CloneAbility;
    growth: ExtendAbility;
    reversal: RevertAbility;
    migration: MigrationAbility;
    manage: ManageAbility;
    manageSnapshot: ManageSnapshotAbility;
  };
  readonly location: string;
  readonly #database: Database;

  constructor(dir: string, driver: VolumeDriver, database = new Database()) {
    super(dir);
    this.location = `test:${dir}`;
    this.#database = database;
    if (driver.snapshots === undefined || driver.clone === undefined) throw new Error('no snapshots');
    this.driver = driver as FolderBackend['driver'];
  }

  static async start(
    options: Partial<RemoteFsOptions> = {},
    assisted: AssistedSnapshots = noNova,
  ): Promise<FolderBackend> {
    const dir = join(await makeTempDir(), 'share');
    mkdirSync(dir);
    return this.on(dir, options, assisted);
  }

  /** Another replica on the same folder has its own helper. */
  static async on(
    dir: string,
    options: Partial<RemoteFsOptions> = {},
    assisted: AssistedSnapshots = noNova,
  ): Promise<FolderBackend> {
    const given = givenTo(dir, options, assisted, await helperEntry());
    return this.#start(dir, helperIsElsewhere ? remoteDriver(given) : createDriver(folderClass, given));
  }

  /** A replica whose share helper works in another machine, which has mounted `dir` at the same path. */
  static remote(dir: string, helperEntry: string): Promise<FolderBackend> {
    return this.#start(dir, remoteDriver(givenTo(dir, {}, noNova, helperEntry)));
  }

  /** The same with the rows of this one; a call of its helper is taken for hung after `shareTimeoutMs`. */
  peer(helperEntry: string, shareTimeoutMs = 300_000): Promise<FolderBackend> {
    const driver = remoteDriver({ ...givenTo(this.dir, {}, noNova, helperEntry), shareTimeoutMs });
    return FolderBackend.#start(this.dir, driver, this.#database);
  }

  static async #start(dir: string, driver: VolumeDriver, database?: Database): Promise<FolderBackend> {
    await driver.start(new AbortController().signal);
    return new FolderBackend(dir, driver, database);
  }

  async stop(): Promise<void> {
    await this.driver.stop({ force: new AbortController().signal });
    await removeDir(join(this.dir, '..'));
  }

  get rows(): Map<string, Snapshot> {
    return this.#database.rows;
  }

  /** The volumes that the database knows of, where a test asks. */
  get owners(): Volume[] {
    return this.#database.owners;
  }

  /** By a key's id. */
  get passphrases(): Map<string, string> {
    return this.#database.passphrases;
  }

  /** One owner's work; `hooks.commitPoint` may throw, as when the locks were lost. */
  work(hooks: Partial<DriverWork> = {}): DriverWork {
    return {
      signal: new AbortController().signal,
      provableUntilMs: () => Number.POSITIVE_INFINITY,
      ownerTag: `t${this.#database.nextOwner++}`,
      commitPoint: () => Promise.resolve(),
      snapshotsOf: (id) => Promise.resolve([...this.rows.values()].filter((row) => row.volume_id === id)),
      snapshotsWith: (ids) => Promise.resolve(ids.flatMap((id) => this.rows.get(id) ?? [])),
      ownersOf: (ids) =>
        Promise.resolve(this.owners.filter((row) => ids.includes(row.id) || ids.includes(volumeNameId(row)))),
      encryption: {
        passphrase: ({ encryption_key_id: id }) => Promise.resolve(this.passphrases.get(id ?? '') ?? 'unknown'),
        // qemu tries a passphrase so often that it takes two seconds, for each file of a chain; here it need not.
        cipher: () =>
          Promise.resolve({ cipherAlg: 'aes-256', cipherMode: 'xts', ivgenAlg: 'plain64,encrypt.iter-time=10' }),
      },
      log: silentLogger,
      ...hooks,
    };
  }

  volume(over: Partial<Volume> = {}): Volume {
    const row = { id: randomUUID(), _name_id: null, size: 1, status: 'creating', attach_status: 'detached' };
    return { ...row, encryption_key_id: null, provider_location: this.location, ...over } as Volume;
  }

  async available(over: Partial<Volume> = {}): Promise<Volume> {
    const volume = this.volume(over);
    await this.driver.create(volume, this.work());
    return { ...volume, status: 'available' };
  }

  snapshotRow(volume: Volume): Snapshot {
    const row = { id: randomUUID(), volume_id: volume.id, status: 'creating', display_name: 's' } as Snapshot;
    this.rows.set(row.id, row);
    return row;
  }

  async snapshot(volume: Volume): Promise<Snapshot> {
    const row = this.snapshotRow(volume);
    await this.driver.snapshots.create(row, volume, this.work());
    const made = { ...row, status: 'available' };
    this.rows.set(row.id, made);
    return made;
  }

  async extend(volume: Volume, sizeGb: number, work = this.work(), provisionedGb = volume.size ?? 0): Promise<void> {
    const provisioned = new Map([[this.location, provisionedGb]]);
    await this.driver.growth.extend({ volume: { ...volume, status: 'extending' }, sizeGb, provisioned }, work);
  }

  async removeSnapshot(snapshot: Snapshot, volume: Volume, work = this.work()): Promise<void> {
    await this.driver.snapshots.remove({ ...snapshot, status: 'deleting' }, volume, work);
    this.rows.delete(snapshot.id);
  }

  /** As the kernel's out-of-memory killer would. */
  killHelper(): void {
    for (const pid of childrenOf(process.pid)) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.dir)) process.kill(pid, 'SIGKILL');
    }
  }
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map(Number);
}

function givenTo(
  dir: string,
  options: Partial<RemoteFsOptions>,
  assisted: AssistedSnapshots,
  helperEntry: string,
): DriverOptions {
  return {
    name: 'test',
    options: { ...defaults, nasSharePath: dir, ...options },
    stateDir: dir,
    assisted,
    clock: new BootClock(),
    log: silentLogger,
    helperEntry,
  };
}

function remoteDriver(given: DriverOptions): VolumeDriver {
  return assembleRemoteFs(given, remoteInfo, () => new RemoteFolder(given.options, silentLogger));
}

const noNova: AssistedSnapshots = {
  createSnapshot: () => Promise.reject(new Error('no Nova')),
  removeSnapshot: () => Promise.reject(new Error('no Nova')),
};

export const defaults: RemoteFsOptions = {
  volumeBackendName: 'test',
  reservedPercentage: 0,
  maxOverSubscriptionRatio: '20.0',
  nfsSharesConfig: '/nonexistent',
  nfsMountPointBase: '/nonexistent',
  nfsMountOptions: null,
  nfsMountAttempts: 1,
  nfsSparsedVolumes: true,
  nfsQcow2Volumes: false,
  nfsSnapshotSupport: true,
  nasHost: 'test',
  nasSharePath: '',
  nasMountOptions: null,
  nasSecureFileOperations: 'false',
  nasSecureFilePermissions: 'false',
};
