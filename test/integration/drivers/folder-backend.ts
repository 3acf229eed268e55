import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
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

/** Of qcow2 files as qemu-img makes them. */
const clusterBytes = 65536;

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
export class FolderBackend {
  readonly dir: string;
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
    this.dir = dir;
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

  path(name: string): string {
    return join(this.dir, name);
  }

  /** As the kernel's out-of-memory killer would. */
  killHelper(): void {
    for (const pid of childrenOf(process.pid)) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.dir)) process.kill(pid, 'SIGKILL');
    }
  }

  /** What is on the share, ours apart. */
  files(): readonly string[] {
    return readdirSync(this.dir)
      .filter((name) => name !== '.cinder-volume-aa')
      .sort();
  }

  temps(): readonly string[] {
    return readdirSync(this.path('.cinder-volume-aa'));
  }

  info(volume: Volume): { readonly active: string } & Readonly<Record<string, string>> {
    return JSON.parse(readFileSync(this.path(`volume-${volume.id}.info`), 'utf8')) as { active: string };
  }

  active(volume: Volume): string {
    return this.files().includes(`volume-${volume.id}.info`) ? this.info(volume).active : `volume-${volume.id}`;
  }

  /** What the volume's guest sees as its size. */
  virtualBytes(volume: Volume): number {
    const path = this.path(this.active(volume));
    const format = path.includes(`${volume.id}.`) ? 'qcow2' : 'raw';
    const text = execFileSync('qemu-img', ['info', '-f', format, '--output=json', path], { encoding: 'utf8' });
    return (JSON.parse(text) as { 'virtual-size': number })['virtual-size'];
  }

  /** As the volume's guest would: `byte` over `length` bytes from `offset`. */
  write(volume: Volume, offset: number, length: number, byte: number): void {
    const name = this.active(volume);
    const format = name.includes('.') ? 'qcow2' : 'raw';
    qemuIo(format, this.path(name), `write -P ${byte} ${offset} ${length}`);
  }

  /** As a qemu-img that ended midway: a cluster at the end of the qcow2 file is reserved, and nothing refers to it. */
  leak(name: string): void {
    const fd = openSync(this.path(name), 'r+');
    const numberAt = (at: number): number => {
      const bytes = Buffer.alloc(8);
      readSync(fd, bytes, 0, 8, at);
      return Number(bytes.readBigUInt64BE());
    };
    const clusters = Math.ceil(fstatSync(fd).size / clusterBytes);
    const [refcountTableAt, one] = [numberAt(48), Buffer.from([0, 1])];
    writeSync(fd, one, 0, 2, numberAt(refcountTableAt) + 2 * clusters);
    ftruncateSync(fd, (clusters + 1) * clusterBytes);
    closeSync(fd);
  }

  /** How many clusters of the qcow2 file are reserved though nothing refers to them. */
  leaks(name: string): number {
    const argv = ['check', '-f', 'qcow2', '--output=json', this.path(name)];
    const { stdout } = spawnSync('qemu-img', argv, { encoding: 'utf8' });
    return (JSON.parse(stdout) as { leaks?: number }).leaks ?? 0;
  }

  /** As the guest of a raw volume can: a qcow2 header that names the host's password file. */
  writeQcow2Header(volume: Volume): void {
    const header = Buffer.alloc(4096);
    header.writeUInt32BE(0x514649fb, 0);
    header.writeUInt32BE(2, 4);
    header.writeBigUInt64BE(1024n, 8);
    header.writeUInt32BE('/etc/passwd'.length, 16);
    header.writeUInt32BE(16, 20);
    header.writeBigUInt64BE(2n ** 30n, 24);
    header.write('/etc/passwd', 1024);
    const fd = openSync(this.path(`volume-${volume.id}`), 'r+');
    writeSync(fd, header);
    closeSync(fd);
  }

  /** @throws Error where a byte of the file differs */
  expectBytes(name: string, format: 'raw' | 'qcow2', offset: number, length: number, byte: number): void {
    qemuIo(format, this.path(name), `read -P ${byte} ${offset} ${length}`);
  }
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map(Number);
}

function qemuIo(format: string, path: string, command: string): void {
  const output = execFileSync('qemu-io', ['-f', format, '-c', command, path], { encoding: 'utf8' });
  if (output.includes('Pattern verification failed')) throw new Error(`${path}: ${command}: ${output}`);
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
