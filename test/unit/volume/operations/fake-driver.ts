import { lockNames } from '../../../../src/coordination/lock-names.ts';
import type { LockName } from '../../../../src/coordination/lock-names.ts';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Json } from '../../../../src/domain/json.ts';
import type { Snapshot, Volume } from '../../../../src/domain/rows.ts';
import type {
  CloneSource,
  ConnectionAbility,
  ExtendAbility,
  ImageAbility,
  InspectedImage,
  MigrationAbility,
  ManageAbility,
  ManageSnapshotAbility,
  ManageableSnapshot,
  RevertAbility,
  VolumeDriver,
} from '../../../../src/drivers/volume-driver.ts';
import { SHARE } from './rows.ts';

type Step =
  | 'place'
  | 'create'
  | 'remove'
  | 'clone'
  | 'snapshots.create'
  | 'snapshots.remove'
  | 'image.write'
  | 'image.read'
  | 'extend'
  | 'revert'
  | 'requireNoSnapshots'
  | 'copy'
  | 'arrive'
  | 'manage.find'
  | 'manage.take'
  | 'manageSnapshot.find'
  | 'manageSnapshot.take'
  | 'connect'
  | 'disconnect'
  | 'unexport';

const nameOf = (reference: Json): string => (typeof reference === 'string' ? reference : '');

/** The file of this name on the share of another backend. */
export function elsewhere(id: string): string {
  return `elsewhere ${id}`;
}

/**
 * A share as a map of names to contents. Every method gives the same end state however often it is called, as the port
 * demands, refuses to work without the locks it names, and throws what `fails` says after it did half of its work.
 */
export class FakeDriver implements VolumeDriver {
  readonly name = 'fake driver';
  readonly files = new Map<string, string>();
  readonly fails = new Map<string, CinderError>();
  /** The same for the next time alone. */
  readonly failsOnce = new Map<string, Error>();
  readonly calls: string[] = [];
  held: ReadonlySet<LockName> = new Set();
  hook: (name: string, when: 'before' | 'after') => void = () => undefined;

  readonly info = {
    driverClass: 'fake',
    version: '1',
    activeActive: true,
    prefix: 'nfs',
    storageProtocol: 'nfs',
    sharedTargets: false,
  };

  readonly snapshots = {
    create: (snapshot: Snapshot, volume: Volume) =>
      this.#step('snapshots.create', snapshot.id, [volume.id], () => {
        this.files.set(snapshot.id, `snapshot of ${volume.id}`);
        const online = volume.attach_status === 'attached' ? { activeFile: `overlay ${snapshot.id}` } : {};
        return { provider_id: 'made', adminMetadata: { format: 'qcow2' }, ...online };
      }),
    remove: (snapshot: Snapshot, volume: Volume) =>
      this.#step('snapshots.remove', snapshot.id, [volume.id], () => {
        this.files.delete(snapshot.id);
        return { adminMetadata: { format: 'raw' } };
      }),
  };

  readonly clone = {
    create: (volume: Volume, source: CloneSource) =>
      this.#step('clone', volume.id, [volume.id, source.volume.id], () => {
        const from = source.kind === 'snapshot' ? source.snapshot.id : source.volume.id;
        this.#make(volume, `copy of ${from}`);
        return { adminMetadata: { format: 'raw' } };
      }),
  };

  readonly image: ImageAbility = {
    format: 'raw',
    write: (volume: Volume, image: InspectedImage) =>
      this.#step('image.write', volume.id, [volume.id], () => {
        this.#make(volume, `image ${image.path}`);
        return { adminMetadata: { format: 'raw' } };
      }),
    read: (volume: Volume) => this.#step('image.read', volume.id, [volume.id], () => undefined),
  };

  readonly growth: ExtendAbility = {
    extend: ({ volume, sizeGb }) =>
      this.#step('extend', volume.id, [volume.id], () => {
        this.files.set(volume.id, `${sizeGb} GiB`);
        return {};
      }),
  };

  readonly reversal: RevertAbility = {
    revert: (volume, snapshot) =>
      this.#step('revert', volume.id, [volume.id], () => {
        this.files.set(volume.id, `as in ${snapshot.id}`);
        return {};
      }),
  };

  readonly migration: MigrationAbility = {
    requireNoSnapshots: ({ id }) => this.#step('requireNoSnapshots', id, [id], () => undefined),
    copy: ({ volume, target }, renamed) =>
      this.#step('copy', volume.id, [volume.id], () => {
        const content = this.files.get(volume.id) ?? 'nothing';
        this.files.set(elsewhere(renamed ? volume.id : target.id), content);
      }),
    isRenamed: ({ volume, target }) =>
      Promise.resolve(!this.files.has(elsewhere(target.id)) && this.files.has(elsewhere(volume.id))),
    arrive: ({ volume, target, rename }) =>
      this.#step('arrive', target.id, [target.id], () => {
        const content = this.files.get(target.id);
        if (!rename) return { nameId: target.id, update: {} };
        this.files.set(volume.id, content ?? this.files.get(volume.id) ?? 'nothing');
        this.files.delete(target.id);
        return { nameId: volume.id, update: { adminMetadata: { format: 'raw' } } };
      }),
  };

  /** A reference is a file's name; its content says how large it is. */
  readonly manage: ManageAbility = {
    locksFor: (reference) => (typeof reference === 'string' ? [lockNames.foundFile(reference)] : []),
    find: (volume, reference) =>
      this.#step('manage.find', volume.id, [volume.id], () => {
        const found = this.files.get(volume.id) ?? this.files.get(nameOf(reference));
        if (found === undefined)
          throw new CinderError('ManageExistingInvalidReference', { existing_ref: '', reason: '' });
        return { provider_location: SHARE, sizeGb: Number(found.split(' ')[0]) };
      }),
    take: (volume, reference) =>
      this.#step('manage.take', volume.id, [volume.id], () => {
        const found = this.files.get(nameOf(reference));
        if (found !== undefined) this.#make(volume, found);
        this.files.delete(nameOf(reference));
        return { _name_id: null, adminMetadata: { format: 'raw' } };
      }),
    list: () => Promise.resolve(this.manageable),
  };
  /** What is listed. */
  manageable: readonly ManageableSnapshot[] = [];

  readonly manageSnapshot: ManageSnapshotAbility = {
    find: (snapshot, volume, reference) =>
      this.#step('manageSnapshot.find', snapshot.id, [volume.id], () => {
        const found = this.files.get(snapshot.id) ?? this.files.get(nameOf(reference));
        if (found === undefined)
          throw new CinderError('ManageExistingInvalidReference', { existing_ref: '', reason: '' });
        return { sizeGb: Number(found.split(' ')[0]) };
      }),
    take: (snapshot, volume, reference) =>
      this.#step('manageSnapshot.take', snapshot.id, [volume.id], () => {
        const found = this.files.get(nameOf(reference));
        if (found !== undefined) this.files.set(snapshot.id, found);
        this.files.delete(nameOf(reference));
        return { provider_id: 'taken' };
      }),
    list: () => Promise.resolve(this.manageable),
  };

  readonly connection: ConnectionAbility = {
    connect: (volume) =>
      this.#step('connect', volume.id, [volume.id], () => ({
        info: { driver_volume_type: 'nfs', data: { export: SHARE, name: volume.id }, mount_point_base: '/mnt' },
        update: { adminMetadata: { format: 'raw' } },
      })),
    disconnect: (volume, connector) =>
      this.#step(connector === null ? 'unexport' : 'disconnect', volume.id, [], () => this.shared),
  };
  /** What `disconnect` answers. */
  shared = false;

  secureFileOperations(): boolean {
    return true;
  }

  locksForVolume(volumeId: string): readonly LockName[] {
    return [lockNames.driverVolume('nfs', volumeId)];
  }

  locations(): readonly string[] {
    return [SHARE];
  }

  place(): Promise<{ provider_location: string }> {
    return this.#step('place', '', [], () => ({ provider_location: SHARE }));
  }

  create(volume: Volume): Promise<{ adminMetadata: Record<string, string> }> {
    return this.#step('create', volume.id, [volume.id], () => {
      this.#make(volume, 'empty');
      return { adminMetadata: { format: 'raw' } };
    });
  }

  remove(volume: Volume): Promise<void> {
    return this.#step('remove', volume.id, [volume.id], () => void this.files.delete(volume.id));
  }

  stats(): never {
    throw new Error('not here');
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  health(): { ok: true } {
    return { ok: true };
  }

  #make(volume: Volume, content: string): void {
    if (volume.provider_location === null) throw new Error('a file without a place in its row');
    this.files.set(volume.id, content);
  }

  async #step<T>(step: Step, id: string, volumes: readonly string[], work: () => T): Promise<T> {
    for (const name of volumes.flatMap((volume) => this.locksForVolume(volume))) {
      if (!this.held.has(name)) throw new Error(`${step} without the lock ${name}`);
    }
    this.calls.push(`${step} ${id}`.trim());
    await Promise.resolve();
    this.hook(`driver.${step}`, 'before');
    const once = this.failsOnce.get(`${step} ${id}`);
    this.failsOnce.delete(`${step} ${id}`);
    const failure = once ?? this.fails.get(`${step} ${id}`) ?? this.fails.get(step);
    if (failure !== undefined && step.endsWith('remove')) throw failure;
    const result = work();
    if (failure !== undefined) throw failure;
    this.hook(`driver.${step}`, 'after');
    return result;
  }
}
