import { boolean, choice, defineOptions, integer, json, string } from '../option.ts';

/** `auto` or a number, 1 or more. What `auto` means is for the driver to say. */
function ratio(text: string): string | undefined {
  if (text.trim().toLowerCase() === 'auto') return undefined;
  return /^\d+(\.\d+)?$/.test(text.trim()) && Number(text) >= 1 ? undefined : 'must be auto or a number, 1 or more';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const autoTrueFalse = ['auto', 'true', 'false'] as const;

/**
 * The options of one backend: from its own section, else `[backend_defaults]`, else the default. Their values in
 * `[DEFAULT]` have not counted since Ocata.
 */
export const backendOptions = defineOptions('backend_defaults', {
  volumeDriver: string('volume_driver', '', {
    help: 'The driver, by its Python class path: cinder.volume.drivers.nfs.NfsDriver.',
  }),
  volumeBackendName: string('volume_backend_name', null, {
    help: 'The name by which volume types choose this backend; the name of its pool.',
  }),
  backendHost: string('backend_host', null, {
    check: (text) => (/[@#\s]/.test(text) ? 'must have no @, # or white space' : undefined),
    help: 'Takes the place of host for this backend. Replicas with the same value share one services row.',
  }),
  backendAvailabilityZone: string('backend_availability_zone', null, {
    help: 'Takes the place of storage_availability_zone for this backend.',
  }),
  reservedPercentage: integer('reserved_percentage', 0, {
    min: 0,
    max: 100,
    help: 'Part of the capacity, in percent, that the scheduler leaves free.',
  }),
  maxOverSubscriptionRatio: string('max_over_subscription_ratio', '20.0', {
    check: ratio,
    help: 'How many times the capacity may be promised to thin volumes: a number, 1 or more.',
  }),
  filterFunction: string('filter_function', null, {
    help: 'Expression by which the scheduler decides whether a volume may come here.',
  }),
  goodnessFunction: string('goodness_function', null, {
    help: 'Expression by which the scheduler rates this backend, 0 to 100.',
  }),
  extraCapabilities: json('extra_capabilities', '{}', {
    is: isObject,
    help: 'JSON object that is added to the capabilities reported to the scheduler.',
  }),
  nfsSharesConfig: string('nfs_shares_config', '/etc/cinder/nfs_shares', {
    help: 'File with one share on each line (host:/path), mount options after a space.',
  }),
  nfsMountPointBase: string('nfs_mount_point_base', '$state_path/mnt', {
    help: 'Folder in which shares are mounted.',
  }),
  nfsMountOptions: string('nfs_mount_options', null, { help: 'Options for mount -o, for every share.' }),
  nfsMountAttempts: integer('nfs_mount_attempts', 3, { min: 1, help: 'How often mounting a share is tried.' }),
  nfsSparsedVolumes: boolean('nfs_sparsed_volumes', true, {
    help: 'Make volumes as sparse files; otherwise they are written full of zeros.',
  }),
  nfsQcow2Volumes: boolean('nfs_qcow2_volumes', false, { help: 'Make volumes as qcow2 files instead of raw ones.' }),
  nfsSnapshotSupport: boolean('nfs_snapshot_support', false, {
    help: 'Allow snapshots, and with them clones. Running servers cannot be moved with qemu files on NFS below 4.2.',
  }),
  nasHost: string('nas_host', '', { help: 'Server of the only share; with nas_share_path, instead of a shares file.' }),
  nasSharePath: string('nas_share_path', '', { help: 'Path of the only share on nas_host.' }),
  nasMountOptions: string('nas_mount_options', null, { help: 'Takes the place of nfs_mount_options.' }),
  nasSecureFileOperations: choice('nas_secure_file_operations', 'auto', autoTrueFalse, {
    help: 'true: files are handled as the service user; false: as root. auto: true only where a share says so or no volume exists yet.',
  }),
  nasSecureFilePermissions: choice('nas_secure_file_permissions', 'auto', autoTrueFalse, {
    help: 'true: new files are for owner and group only; false: for everybody. auto: as above.',
  }),
  imageVolumeCacheEnabled: boolean('image_volume_cache_enabled', false, {
    help: 'Whether an image that a volume is made from is kept as a volume of its own, from which the next ones are cloned.',
  }),
  imageVolumeCacheMaxSizeGb: integer('image_volume_cache_max_size_gb', 0, {
    min: 0,
    help: 'Size of all volumes of the image cache, in GiB; the least recently used ones go. 0: no limit.',
  }),
  imageVolumeCacheMaxCount: integer('image_volume_cache_max_count', 0, {
    min: 0,
    help: 'Number of volumes in the image cache; the least recently used ones go. 0: no limit.',
  }),
});
