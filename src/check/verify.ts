import type { Snapshot, Volume } from '../domain/rows.ts';
import { volumeNameId } from '../domain/rows.ts';
import type { ImageFile } from './image-file.ts';
import { leftOver } from './left-over.ts';
import type { About, Cause } from './remedies.ts';
import { workFolder, type ShareContent } from './share-content.ts';

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
  /** Of what is behind it, where there is a remedy for that. */
  readonly about?: About;
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
    ...[...used].flatMap(([share, names]) => leftOver(share, names, evidence)),
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

/** A difference of one volume, and what is behind it. */
type Fault = About & Pick<Difference, 'problem'>;

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
  const ids = { volume: volume.id, nameId: volumeNameId(volume), ...(share && { share: share.location }) };
  const lost = ({ problem, ...about }: Fault): Difference => ({
    kind: 'lost',
    subject,
    problem,
    about: { ...ids, ...about },
  });
  if (share === undefined) {
    return [
      lost({
        cause: 'unknown share',
        problem: `lies on ${volume.provider_location ?? 'no share'}, which is not known`,
      }),
    ];
  }
  const info = share.infos.get(base) ?? {};
  const active = info['active'] ?? base;
  const chain = chainFrom(share.images, info, active);
  const found: Difference[] = chain.faults.map(lost);
  for (const file of chain.files) used?.add(file);
  const end = chain.files.at(-1) ?? 'nothing';
  // Without its base where Nova has merged the oldest snapshot of an attached volume.
  if (end !== base && !end.startsWith(`${base}.`) && chain.faults.length === 0) {
    found.push(lost({ cause: 'foreign end', problem: `has a chain that ends in ${end}, not in ${base}` }));
  }
  found.push(...checkSize(share.images.get(active), volume).map(lost));
  return [...found, ...checkSnapshots(snapshots, info, chain.files, { subject, ids })];
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
  for (const name of share?.others ?? []) if (name.startsWith(`${workFolder}/${base}~`)) used?.add(name);
}

/** The volume's info file belongs to it; its other files must be in the chain or they are left over. */
function markUsed(share: ShareContent, base: string, used: Set<string>): void {
  if (share.infos.has(base)) used.add(`${base}.info`);
}

function checkSize(active: ImageFile | undefined, { size }: Volume): readonly Fault[] {
  const wanted = (size ?? 0) * 2 ** 30;
  if (active === undefined || active.virtualSize === wanted) return [];
  const problem = `has ${size ?? 0} GiB in its row, but ${active.virtualSize / 2 ** 30} GiB in its image`;
  return [{ cause: 'size', problem }];
}

/** From the newest file to the base; stops at the first that is missing or comes twice. */
function chainFrom(
  images: ReadonlyMap<string, ImageFile>,
  info: Readonly<Record<string, string>>,
  active: string,
): { readonly files: readonly string[]; readonly faults: readonly Fault[] } {
  const files: string[] = [];
  for (let name: string | null = active; name !== null;) {
    const image = images.get(name);
    if (image === undefined) return { files, faults: [missing(name, info)] };
    if (files.includes(name)) {
      return { files, faults: [{ cause: 'circle', problem: `has a chain that comes back to ${name}` }] };
    }
    files.push(name);
    name = image.backing;
  }
  return { files, faults: [] };
}

/** A snapshot's file is removed first by who deletes it as upstream does: that deletion can go on. */
function missing(name: string, info: Readonly<Record<string, string>>): Fault {
  const problem = `needs ${name}, which does not exist`;
  const snapshot = Object.keys(info).find((key) => key !== 'active' && info[key] === name);
  return snapshot === undefined
    ? { cause: 'missing file', problem, name }
    : { cause: 'interrupted deletion', problem, name, snapshot };
}

function checkSnapshots(
  snapshots: readonly Snapshot[],
  info: Readonly<Record<string, string>>,
  chain: readonly string[],
  volume: { readonly subject: string; readonly ids: Omit<About, 'cause'> },
): readonly Difference[] {
  const of = (kind: DifferenceKind, id: string, cause: Cause, problem: string): Difference => {
    return { kind, subject: `snapshot ${id}`, problem, about: { cause, snapshot: id, ...volume.ids } };
  };
  const found: Difference[] = [];
  for (const { id, status } of snapshots) {
    if (status !== 'available') continue;
    const file = info[id];
    if (file === undefined) found.push(of('lost', id, 'no entry', `is not in the .info of ${volume.subject}`));
    else if (!chain.includes(file)) {
      const problem = `has the file ${file}, which is not in the chain of ${volume.subject}`;
      found.push(of('lost', id, 'entry elsewhere', problem));
    } else if (chain.at(-1) === file) {
      found.push(of('lost', id, 'entry elsewhere', `has the file ${file}, which has no backing file to hold it`));
    }
  }
  const known = new Set(snapshots.map(({ id }) => id));
  const strangers = Object.keys(info).filter((key) => key !== 'active' && !known.has(key));
  const problem = `is in the .info of ${volume.subject}, but has no row`;
  return [...found, ...strangers.map((id) => of('left over', id, 'entry without row', problem))];
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
