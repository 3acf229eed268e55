/** What a lock may rely on, by the file system that its folder is on. */
export interface FileSystemKind {
  readonly name: string;
  /** Whether the kernel here is the only one who can take a lock away. */
  readonly local: boolean;
  /** How far a lock reaches, if the mount's own options do not narrow it. */
  readonly scope: 'host' | 'cluster';
}

const local = (name: string): FileSystemKind => ({ name, local: true, scope: 'host' });
const shared = (name: string): FileSystemKind => ({ name, local: false, scope: 'cluster' });

/** statfs(2) `f_type` (linux/magic.h). */
const kinds: ReadonlyMap<number, FileSystemKind> = new Map([
  [0xef53, local('ext')],
  [0x58465342, local('xfs')],
  [0x9123683e, local('btrfs')],
  [0xca451a4e, local('bcachefs')],
  [0x2fc12fc1, local('zfs')],
  [0xf2f52010, local('f2fs')],
  [0x01021994, local('tmpfs')],
  [0x858458f6, local('ramfs')],
  [0x794c7630, local('overlayfs')],
  [0x6969, shared('nfs')],
  [0xff534d42, shared('cifs')],
  [0xfe534d42, shared('smb2')],
  [0x00c36400, shared('ceph')],
  [0x0bd00bd0, shared('lustre')],
  [0x01161970, shared('gfs2')],
  [0x7461636f, shared('ocfs2')],
  [0x47504653, shared('gpfs')],
  // What stands behind FUSE cannot be told: it proves itself like a network, and promises no more than one host.
  [0x65735546, { name: 'fuse', local: false, scope: 'host' }],
]);

/** An unknown file system is treated with the caution of a network's. */
export function fileSystemKind(statfsType: number): FileSystemKind {
  // Some architectures report the 32-bit number as a negative one.
  const type = statfsType >>> 0;
  return kinds.get(type) ?? { name: `file system 0x${type.toString(16)}`, local: false, scope: 'host' };
}
