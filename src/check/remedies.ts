/** What is behind a difference on a share; each has one thing that settles it. */
export type Cause =
  | 'unknown share'
  | 'missing file'
  | 'interrupted deletion'
  | 'circle'
  | 'foreign end'
  | 'size'
  | 'no entry'
  | 'entry elsewhere'
  | 'entry without row'
  | 'unfinished file'
  | 'torn info'
  | 'info of nobody'
  | 'file of nobody'
  | 'overlay of a row'
  | 'overlay of nobody'
  | 'stranger';

/** Of whom a difference speaks, as far as it does. */
export interface About {
  readonly cause: Cause;
  readonly volume?: string;
  readonly snapshot?: string;
  /** `provider_location` of the share. */
  readonly share?: string;
  /** The id in the names of the volume's files. */
  readonly nameId?: string;
  /** A file's path on this machine, and its name. */
  readonly path?: string;
  readonly name?: string;
}

const REPAIR = 'cinder-volume-aa fsck BACKEND --repair';

/** Words in capitals stand for what the difference is about. */
const remedies: Readonly<Record<Cause, string>> = {
  'unknown share': 'add its share to the configuration again (nfs_shares_config, or nas_host and nas_share_path)',
  'missing file': 'bring the file back, from a snapshot or a backup of the share; without it the volume cannot be used',
  'interrupted deletion':
    'openstack volume snapshot set --state available SNAPSHOT && openstack volume snapshot delete SNAPSHOT' +
    '   # it ended in the middle, and goes on from there',
  circle: 'somebody has changed a header by hand: qemu-img rebase -u names the right file below it again',
  'foreign end':
    'find out who wrote its chain (qemu-img info --backing-chain); qemu-img rebase -u names the right file',
  size: 'openstack volume set --size GIB VOLUME, with more GiB than both: extending it makes row and image agree',
  'no entry':
    `${REPAIR} writes it where the chain leaves no doubt; if its data may go: ` +
    'openstack volume snapshot set --state error SNAPSHOT && openstack volume snapshot delete SNAPSHOT',
  'entry elsewhere':
    'compare .info with qemu-img info --backing-chain of the active file, and correct the entry by hand while the volume is detached',
  'entry without row':
    'if it was let go of, nothing; to have it back, or to delete it then: ' +
    'cinder snapshot-manage --id-type source-id VOLUME SNAPSHOT',
  'unfinished file': `${REPAIR} removes it once nobody is at work on its volume`,
  'torn info': `${REPAIR} writes it anew where the chain leaves no doubt; else put it back from a backup of the share`,
  'info of nobody': `${REPAIR} removes it if no file of that volume is left; else: cinder manage HOST SHARE/VOLUME-FILE`,
  'file of nobody':
    'if it was let go of, nothing; to have it back: cinder manage HOST SHARE/NAME; if nobody misses its data: rm PATH',
  'overlay of a row': 'openstack volume snapshot delete SNAPSHOT   # removes the file with it',
  'overlay of nobody': `${REPAIR} removes it if it is empty; else look into it, and if nobody misses its data: rm PATH`,
  stranger: 'it is not of this service: leave it, move it off the share, or take it in: cinder manage HOST SHARE/NAME',
};

/** The command or the step that settles it. */
export function remedyOf(about: About, backend: { readonly name: string; readonly host: string }): string {
  const words: Readonly<Record<string, string | undefined>> = {
    ...{ BACKEND: backend.name, HOST: backend.host, VOLUME: about.volume, SNAPSHOT: about.snapshot },
    ...{ SHARE: about.share, PATH: about.path, NAME: about.name },
    'VOLUME-FILE': about.nameId === undefined ? undefined : `volume-${about.nameId}`,
  };
  const pattern = /\b(VOLUME-FILE|BACKEND|HOST|VOLUME|SNAPSHOT|SHARE|PATH|NAME)\b/g;
  return remedies[about.cause].replaceAll(pattern, (word) => words[word] ?? word);
}

/** What a repair may do something about. */
const mendable: ReadonlySet<Cause> = new Set([
  ...(['no entry', 'unfinished file', 'torn info', 'info of nobody', 'overlay of nobody'] as const),
]);

/** The volumes' files on shares at which a repair has to look, each once. */
export function suspectsOf(
  found: readonly { readonly about?: About }[],
): readonly { readonly location: string; readonly nameId: string }[] {
  const suspects = found.flatMap(({ about }) => {
    if (about === undefined || !mendable.has(about.cause)) return [];
    const { share: location, nameId } = about;
    return location === undefined || nameId === undefined ? [] : [{ location, nameId }];
  });
  return [...new Map(suspects.map((one) => [`${one.location} ${one.nameId}`, one])).values()];
}
