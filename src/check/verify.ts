import type { Snapshot, Volume } from '../domain/rows.ts';
import { volumeNameId } from '../domain/rows.ts';
import type { ImageFile } from './image-file.ts';
import type { ShareContent } from './share-content.ts';

/**
 * - `lost`: a row promises something that is not there, or not as promised.
 * - `stuck`: a row or a request that has reached no end.
 * - `left over`: something that no row speaks of.
 */
export type DifferenceKind = 'lost' | 'stuck' | 'left over';

export interface Difference {
  readonly kind: DifferenceKind;
  /** The row or the file. */
  readonly subject: string;
  /** One sentence for a person. */
  readonly problem: string;
}

/** Everything that must agree. */
export interface Evidence {
  readonly volumes: readonly Volume[];
  readonly snapshots: readonly Snapshot[];
  readonly shares: readonly ShareContent[];
  /** `volume_name_template % id` */
  readonly volumeName: (id: string) => string;
  /** Requests that are in the journal without an end. */
  readonly unfinished: readonly { readonly method: string; readonly resourceId: string }[];
  /** Resources that upstream's workers table has a row for. */
  readonly workers: readonly { readonly resource_type: string; readonly resource_id: string }[];
  /** `in_use` by resource (`volumes`, `gigabytes`, `snapshots`); what is missing is not compared. */
  readonly quota: Readonly<Record<string, number>>;
  /** Whether the gigabytes of snapshots count. */
  readonly snapshotsUseGigabytes: boolean;
  /** Requests may be under way: what is not at rest is left alone, with its files. Else it counts as stuck. */
  readonly live?: boolean;
}

/** The statuses in which a volume's files are whole. */
const atRest = new Set(['available', 'in-use', 'reserved', 'attaching', 'detaching']);

/** Compares every row with every file and every chain; an empty list: they agree. Touches nothing. */
export function verify(evidence: Evidence): readonly Difference[] {
  const { volumes, snapshots, live = false } = evidence;
  const snapshotsOf = byVolume(snapshots);
  const used = new Map(evidence.shares.map((share) => [share, new Set<string>()]));
  const ofVolumes = volumes.flatMap((volume) => {
    const share = evidence.shares.find(({ location }) => location === volume.provider_location);
    const own = snapshotsOf.get(volume.id) ?? [];
    if (live && !atRest.has(volume.status ?? '')) {
      leaveAlone(volume, share, share && used.get(share), evidence);
      return [];
    }
    return checkVolume(volume, own, share, share && used.get(share), evidence);
  });
  const judged = live ? [] : snapshots;
  const ofSnapshots = judged.flatMap((snapshot) => stuckRow(`snapshot ${snapshot.id}`, snapshot.status));
  return [
    ...ofVolumes,
    ...ofSnapshots,
    ...orphanSnapshots(evidence),
    ...[...used].flatMap(([share, names]) => leftOver(share, names)),
    ...openRequests(evidence),
    ...checkQuota(evidence),
  ];
}

function byVolume(snapshots: readonly Snapshot[]): ReadonlyMap<string, readonly Snapshot[]> {
  const found = new Map<string, Snapshot[]>();
  for (const snapshot of snapshots) {
    const own = found.get(snapshot.volume_id);
    if (own === undefined) found.set(snapshot.volume_id, [snapshot]);
    else own.push(snapshot);
  }
  return found;
}

function checkVolume(
  volume: Volume,
  snapshots: readonly Snapshot[],
  share: ShareContent | undefined,
  used: Set<string> | undefined,
  { volumeName, live = false }: Evidence,
): readonly Difference[] {
  const subject = `volume ${volume.id}`;
  const base = volumeName(volumeNameId(volume));
  if (share !== undefined && used !== undefined) markUsed(share, base, used);
  if (!live && volume.status !== 'available' && volume.status !== 'in-use') return stuckRow(subject, volume.status);
  const lost = (problem: string): Difference => ({ kind: 'lost', subject, problem });
  if (share === undefined) return [lost(`lies on ${volume.provider_location ?? 'no share'}, which is not known`)];
  const info = share.infos.get(base) ?? {};
  const active = info['active'] ?? base;
  const chain = chainFrom(share.images, active);
  const found: Difference[] = chain.problems.map(lost);
  for (const file of chain.files) used?.add(file);
  const end = chain.files.at(-1) ?? 'nothing';
  // Without its base where Nova has merged the oldest snapshot of an attached volume.
  if (end !== base && !end.startsWith(`${base}.`) && chain.problems.length === 0) {
    found.push(lost(`has a chain that ends in ${end}, not in ${base}`));
  }
  found.push(...checkSize(share.images.get(active), volume).map(lost));
  return [...found, ...checkSnapshots(snapshots, info, chain.files, subject)];
}

/** Its request decides what becomes of its files: none of them is left over, and none is missing yet. */
function leaveAlone(
  volume: Volume,
  share: ShareContent | undefined,
  used: Set<string> | undefined,
  { volumeName }: Evidence,
): void {
  const base = volumeName(volumeNameId(volume));
  const isOwn = (name: string): boolean => name === base || name.startsWith(`${base}.`);
  for (const name of share?.images.keys() ?? []) if (isOwn(name)) used?.add(name);
  used?.add(`${base}.info`);
}

/** The volume's info file belongs to it; its other files must be in the chain or they are left over. */
function markUsed(share: ShareContent, base: string, used: Set<string>): void {
  if (share.infos.has(base)) used.add(`${base}.info`);
}

function checkSize(active: ImageFile | undefined, { size }: Volume): readonly string[] {
  const wanted = (size ?? 0) * 2 ** 30;
  if (active === undefined || active.virtualSize === wanted) return [];
  return [`has ${size ?? 0} GiB in its row, but ${active.virtualSize / 2 ** 30} GiB in its image`];
}

/** From the newest file to the base; stops at the first that is missing or comes twice. */
function chainFrom(
  images: ReadonlyMap<string, ImageFile>,
  active: string,
): { readonly files: readonly string[]; readonly problems: readonly string[] } {
  const files: string[] = [];
  for (let name: string | null = active; name !== null;) {
    const image = images.get(name);
    if (image === undefined) return { files, problems: [`needs ${name}, which does not exist`] };
    if (files.includes(name)) return { files, problems: [`has a chain that comes back to ${name}`] };
    files.push(name);
    name = image.backing;
  }
  return { files, problems: [] };
}

function checkSnapshots(
  snapshots: readonly Snapshot[],
  info: Readonly<Record<string, string>>,
  chain: readonly string[],
  volume: string,
): readonly Difference[] {
  const found: Difference[] = [];
  for (const { id, status } of snapshots) {
    if (status !== 'available') continue;
    const file = info[id];
    const subject = `snapshot ${id}`;
    if (file === undefined) found.push({ kind: 'lost', subject, problem: `is not in the .info of ${volume}` });
    else if (!chain.includes(file)) {
      found.push({ kind: 'lost', subject, problem: `has the file ${file}, which is not in the chain of ${volume}` });
    } else if (chain.at(-1) === file) {
      found.push({ kind: 'lost', subject, problem: `has the file ${file}, which has no backing file to hold it` });
    }
  }
  const known = new Set(snapshots.map(({ id }) => id));
  const strangers = Object.keys(info).filter((key) => key !== 'active' && !known.has(key));
  for (const id of strangers) {
    found.push({
      kind: 'left over',
      subject: `snapshot ${id}`,
      problem: `is in the .info of ${volume}, but has no row`,
    });
  }
  return found;
}

function stuckRow(subject: string, status: string | null): readonly Difference[] {
  if (status === 'available' || status === 'in-use') return [];
  const text = status ?? 'without status';
  if (text.startsWith('error')) return [{ kind: 'lost', subject, problem: `is ${text}` }];
  return [{ kind: 'stuck', subject, problem: `is still ${text}` }];
}

function orphanSnapshots({ volumes, snapshots }: Evidence): readonly Difference[] {
  const known = new Set(volumes.map(({ id }) => id));
  return snapshots
    .filter(({ volume_id }) => !known.has(volume_id))
    .map(({ id, volume_id }) => ({
      kind: 'left over',
      subject: `snapshot ${id}`,
      problem: `is of volume ${volume_id}, which is gone`,
    }));
}

function leftOver(share: ShareContent, used: ReadonlySet<string>): readonly Difference[] {
  const infos = [...share.infos.keys()].map((name) => `${name}.info`);
  return [...share.images.keys(), ...infos, ...share.others]
    .filter((name) => !used.has(name))
    .map((name) => ({ kind: 'left over', subject: `${share.folder}/${name}`, problem: 'belongs to no row' }));
}

function openRequests({ unfinished, workers }: Evidence): readonly Difference[] {
  return [
    ...unfinished.map(({ method, resourceId }): Difference => ({
      kind: 'stuck',
      subject: `${method} ${resourceId}`,
      problem: 'is in the journal without an end',
    })),
    ...workers.map(({ resource_type, resource_id }): Difference => ({
      kind: 'left over',
      subject: `${resource_type} ${resource_id}`,
      problem: 'still has a row in the workers table',
    })),
  ];
}

function checkQuota({ volumes, snapshots, quota, snapshotsUseGigabytes }: Evidence): readonly Difference[] {
  const sum = (sizes: readonly (number | null)[]): number => sizes.reduce<number>((all, size) => all + (size ?? 0), 0);
  const snapshotGb = snapshotsUseGigabytes ? sum(snapshots.map(({ volume_size }) => volume_size)) : 0;
  const wanted = {
    volumes: volumes.length,
    snapshots: snapshots.length,
    gigabytes: sum(volumes.map(({ size }) => size)) + snapshotGb,
  };
  return Object.entries(wanted).flatMap(([name, count]): readonly Difference[] => {
    const inUse = quota[name];
    if (inUse === undefined || inUse === count) return [];
    const problem = `says ${inUse} in use; the rows make ${count}`;
    return [{ kind: inUse > count ? 'left over' : 'lost', subject: `quota of ${name}`, problem }];
  });
}

/** `0 lost, 0 stuck, 0 left over` */
export function summaryOf(differences: readonly Difference[]): string {
  const kinds: readonly DifferenceKind[] = ['lost', 'stuck', 'left over'];
  return kinds.map((kind) => `${differences.filter((one) => one.kind === kind).length} ${kind}`).join(', ');
}
