import { setTimeout as sleep } from 'node:timers/promises';
import { gatherEvidence, type Scene } from '../../src/check/evidence.ts';
import { imageProblems } from '../../src/check/image-check.ts';
import { verify, type Difference, type Evidence } from '../../src/check/verify.ts';
import type { Config } from '../../src/config/load.ts';
import type { Drive } from '../../src/cli/drive/open-drive.ts';
import type { Guest } from './guest.ts';
import type { Known } from './known.ts';
import type { Lab } from './lab.ts';
import { ownersAtOnce, readTrace } from './tokens.ts';

export interface JudgeOptions {
  readonly lab: Lab;
  readonly drive: Drive;
  readonly known: Known;
  readonly guest: Guest;
  readonly locksCanBeLost: boolean;
  /** When entries ended, by the database's clock. */
  readonly endedMs: () => Promise<ReadonlyMap<string, number>>;
}

/** What ends after a settlement (a workers row, the outbox) may take this long. */
const quietWithinMs = 30_000;

/**
 * Compares everything, while no request is under way: rows, files, chains, `.info`, quota, journal and workers with
 * each other; rows with what was asked for; data with what was written; commit points with the tokens of their owners.
 */
export async function judge(options: JudgeOptions): Promise<readonly Difference[]> {
  const { lab, known, guest, locksCanBeLost, endedMs } = options;
  const evidence = await quietEvidence(sceneOf(lab.config, [lab.share, lab.leavingShare], options.drive));
  const found = [...verify(evidence), ...askedFor(known, evidence), ...(await imageProblems(evidence.shares))];
  for (const { id, content } of known.volumes) found.push(...(await guest.checkVolume(id, content)));
  for (const { id, volume, content } of known.snapshots) {
    found.push(...(await guest.checkSnapshot(id, volume.id, content)));
  }
  return [...found, ...ownersAtOnce(await readTrace(lab.traceDir), locksCanBeLost, await endedMs())];
}

/** As soon as nothing is wrong; else what is there after a while. */
export async function quietEvidence(scene: Scene): Promise<Evidence> {
  const deadline = performance.now() + quietWithinMs;
  for (;;) {
    const evidence = await gatherEvidence(scene);
    if (verify(evidence).length === 0 || performance.now() > deadline) return evidence;
    await sleep(200);
  }
}

export function sceneOf(config: Config, shares: readonly string[], drive: Drive): Scene {
  const { service } = config.settings;
  return {
    db: drive.db,
    volumes: () => drive.volumes(),
    snapshots: () => drive.snapshots(),
    shares: shares.map((share) => ({ location: `demo:${share}`, folder: share })),
    volumeNameTemplate: service.volumeNameTemplate,
    projectId: drive.owner.projectId,
    snapshotsUseGigabytes: !service.noSnapshotGbQuota,
  };
}

/** Rows that should be there and are not, and the other way round. */
function askedFor(known: Known, { volumes, snapshots }: Evidence): readonly Difference[] {
  return [
    ...compare('volume', new Set(known.volumes.map(({ id }) => id)), new Set(volumes.map(({ id }) => id))),
    ...compare('snapshot', new Set(known.snapshots.map(({ id }) => id)), new Set(snapshots.map(({ id }) => id))),
  ];
}

function compare(what: string, wanted: ReadonlySet<string>, rows: ReadonlySet<string>): readonly Difference[] {
  return [
    ...[...wanted].filter((id) => !rows.has(id)).map((id) => lost(`${what} ${id}`, 'was made, and has no row')),
    ...[...rows].filter((id) => !wanted.has(id)).map((id) => leftOver(`${what} ${id}`, 'has a row, and was deleted')),
  ];
}

const lost = (subject: string, problem: string): Difference => ({ kind: 'lost', subject, problem });
const leftOver = (subject: string, problem: string): Difference => ({ kind: 'left over', subject, problem });
