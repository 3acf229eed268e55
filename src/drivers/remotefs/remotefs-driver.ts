import { lockNames, type LockName } from '../../coordination/lock-names.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { StepGuard } from '../exec.ts';
import type {
  CloneAbility,
  ConnectionAbility,
  DriverInfo,
  DriverStats,
  DriverWork,
  ExtendAbility,
  ImageAbility,
  MigrationAbility,
  ManageAbility,
  ManageSnapshotAbility,
  Placement,
  PlacementRequest,
  RevertAbility,
  SnapshotAbility,
  UpkeepAbility,
  VolumeDriver,
  VolumeModelUpdate,
} from '../volume-driver.ts';
import { Capacity } from './capacity.ts';
import { cloneVolume } from './clone.ts';
import { connectionAbility } from './connect.ts';
import { createVolume } from './create-volume.ts';
import { deleteVolume } from './delete-volume.ts';
import { extendVolume } from './extend-volume.ts';
import { decideNasSecurity, fileModes, requireSnapshotsAllowed, secureIndicator } from './nas-security.ts';
import { imageAbility } from './image.ts';
import { migrationAbility } from './migrate.ts';
import { manageSnapshotAbility } from './manage-snapshot.ts';
import { manageAbility } from './manage-volume.ts';
import type { RemoteFsParts } from './parts.ts';
import { chooseShare, type PlacementRules } from './placement.ts';
import { revertVolume } from './revert-volume.ts';
import type { Share } from './shares.ts';
import { createSnapshot } from './snapshot-create.ts';
import { deleteSnapshot } from './snapshot-delete.ts';
import { upkeepAbility } from './upkeep.ts';

/** Volumes as files on shared folders: what all RemoteFS drivers have in common. */
export class RemoteFsDriver implements VolumeDriver {
  readonly name: string;
  readonly info: DriverInfo;
  readonly snapshots?: SnapshotAbility;
  readonly clone?: CloneAbility;
  readonly image: ImageAbility;
  readonly connection: ConnectionAbility;
  readonly growth: ExtendAbility;
  readonly migration: MigrationAbility;
  readonly reversal?: RevertAbility;
  readonly manage: ManageAbility;
  readonly manageSnapshot?: ManageSnapshotAbility;
  readonly upkeep: UpkeepAbility;
  readonly #parts: RemoteFsParts;
  readonly #rules: PlacementRules;
  readonly #capacity: Capacity;
  readonly #onDecided: (fileMode: number) => void;
  #problem: string | undefined = 'not started';
  #secureOperations = false;

  constructor(info: DriverInfo, backend: string, parts: RemoteFsParts, onDecided: (fileMode: number) => void) {
    this.name = `driver ${backend}`;
    this.info = info;
    this.#parts = parts;
    this.#onDecided = onDecided;
    this.#capacity = new Capacity(parts);
    const { reservedPercentage, maxOverSubscriptionRatio, nfsSnapshotSupport } = parts.options;
    this.#rules = { reservedPercentage, maxOverSubscriptionRatio: Number(maxOverSubscriptionRatio) };
    this.image = imageAbility(parts);
    this.connection = connectionAbility(parts, info.prefix);
    this.manage = manageAbility(parts, info.prefix);
    this.migration = migrationAbility(parts, info.prefix);
    this.upkeep = upkeepAbility(parts);
    const room = { capacity: this.#capacity, rules: this.#rules };
    this.growth = { extend: (request, work) => extendVolume(parts, request, room, work) };
    if (nfsSnapshotSupport) {
      this.snapshots = {
        create: (snapshot, volume, work) => createSnapshot(parts, snapshot, volume, work),
        remove: (snapshot, volume, work) => deleteSnapshot(parts, snapshot, volume, work),
      };
      this.manageSnapshot = manageSnapshotAbility(parts);
      this.reversal = { revert: (volume, snapshot, work) => revertVolume(parts, volume, snapshot, work) };
      this.clone = { create: (volume, source, work) => cloneVolume(parts, volume, source, work) };
    }
  }

  /** Mounts the shares, decides about permissions, and makes the folders for unfinished files. */
  async start(signal: AbortSignal): Promise<void> {
    const guard = { signal, provableUntilMs: () => Number.POSITIVE_INFINITY };
    try {
      if (!Number.isFinite(this.#rules.maxOverSubscriptionRatio))
        throw noRatio(this.#parts.options.maxOverSubscriptionRatio);
      const shares = await this.#parts.mounts.load();
      await this.#parts.share.start(signal);
      const mounted = await this.#mountAll(shares, guard);
      const [first] = mounted;
      if (first === undefined) throw new CinderError('NfsNoSharesMounted', {}, { outcome: 'not-started' });
      await this.#decide(first, guard);
      for (const { location } of mounted) await this.#parts.folders.ready(location, guard);
      this.#problem = undefined;
    } catch (error) {
      this.#problem = messageOf(error);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#problem = 'stopped';
    await this.#parts.share.stop();
  }

  health(): Health {
    return this.#problem === undefined ? this.#parts.share.health() : { ok: false, detail: this.#problem };
  }

  locations(): readonly string[] {
    return this.#parts.mounts.shares().map(({ location }) => location);
  }

  secureFileOperations(): boolean {
    return this.#secureOperations;
  }

  locksForVolume(volumeId: string): readonly LockName[] {
    return [lockNames.driverVolume(this.info.prefix, volumeId)];
  }

  async place(request: PlacementRequest, work: StepGuard): Promise<Placement> {
    const candidates = await this.#capacity.candidates(request.provisioned, work);
    return { provider_location: chooseShare(candidates, request.sizeGb, this.#rules).location };
  }

  create(volume: Volume, work: DriverWork): Promise<VolumeModelUpdate> {
    return createVolume(this.#parts, volume, work);
  }

  remove(volume: Volume, work: DriverWork): Promise<void> {
    return deleteVolume(this.#parts, volume, work);
  }

  async stats(guard: StepGuard, provisioned: ReadonlyMap<string, number>): Promise<DriverStats> {
    const { total, shares } = await this.#capacity.report(provisioned, guard);
    const { options } = this.#parts;
    const capabilities = {
      volume_backend_name: options.volumeBackendName ?? 'Generic_NFS',
      vendor_name: 'Open Source',
      driver_version: this.info.version,
      storage_protocol: this.info.storageProtocol,
      total_capacity_gb: total.totalGb,
      free_capacity_gb: total.freeGb,
      provisioned_capacity_gb: total.provisionedGb,
      reserved_percentage: options.reservedPercentage,
      max_over_subscription_ratio: this.#rules.maxOverSubscriptionRatio,
      thin_provisioning_support: options.nfsSparsedVolumes,
      thick_provisioning_support: !options.nfsSparsedVolumes,
      QoS_support: false,
      sparse_copy_volume: true,
    };
    return { capabilities, shares };
  }

  /** A share that cannot be mounted is left out, as long as one can. */
  async #mountAll(shares: readonly Share[], guard: StepGuard): Promise<readonly Share[]> {
    const mounted: Share[] = [];
    for (const share of shares) {
      try {
        await this.#parts.mounts.ensure(share, guard);
        mounted.push(share);
      } catch (error) {
        guard.signal.throwIfAborted();
        this.#parts.log.error({ share: share.location, err: error }, 'the share is not available');
      }
    }
    return mounted;
  }

  async #decide(first: Share, guard: StepGuard): Promise<void> {
    const { mounts, share, options, log } = this.#parts;
    const dir = mounts.folderOf(first.location);
    const marked = await share.call('exists', { dir, name: secureIndicator }, guard);
    const security = decideNasSecurity(options, marked);
    if (mounts.remote) requireSnapshotsAllowed(security, options);
    log.info({ ...security, marked }, 'NAS security was decided');
    this.#secureOperations = security.operations;
    this.#onDecided(security.permissions ? fileModes.secure : fileModes.open);
  }
}

function noRatio(value: string): CinderError {
  const message = `max_over_subscription_ratio = ${value}: this driver needs a number.`;
  return new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}
