import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { eventually } from '../../support/poll.ts';
import type { Lane } from '../matrix/lane.ts';
import { hasStatus, madeVolume } from '../matrix/makings.ts';
import { scenarioOf } from '../matrix/matrix.ts';
import { clear, untilStopped } from '../matrix/run-cell.ts';
import { readTrace } from '../tokens.ts';

/** One way in which a replica leaves its work, and how long it takes until another one has it. */
export interface TakeoverCase {
  /** As `--cases` has it. */
  readonly key: string;
  readonly name: string;
  readonly what: string;
  /** From the leaving to the first step of the other one, in ms; `lockTtlMs`: 0 where locks end with their owner. */
  readonly targetMs: (lockTtlMs: number) => number;
  /** Whether it can be measured where locks are files: these stay with a process that stands still. */
  readonly withFiles: boolean;
  sample(lane: Lane): Promise<number>;
}

export const takeoverCases: readonly TakeoverCase[] = [
  {
    key: 'kill',
    name: 'kill, no lock held',
    what: 'a create is journalled',
    targetMs: () => 5_000,
    withFiles: true,
    sample: (lane) => leaving(lane, { operation: 'create_volume', at: 'journalled', how: 'kill', on: 'claimed' }),
  },
  {
    key: 'kill-locked',
    name: 'kill, locks held',
    what: 'a create is claimed',
    targetMs: (lockTtlMs) => (lockTtlMs === 0 ? 5_000 : lockTtlMs + 2_000),
    withFiles: true,
    sample: (lane) => leaving(lane, { operation: 'create_volume', at: 'claimed', how: 'kill', on: 'claimed' }),
  },
  {
    key: 'kill-call',
    name: 'kill, a call',
    what: 'a call has its locks',
    targetMs: (lockTtlMs) => (lockTtlMs === 0 ? 1_000 : lockTtlMs + 2_000),
    withFiles: true,
    sample: (lane) =>
      leaving(lane, { operation: 'initialize_connection', at: 'call locked', how: 'kill', on: 'call locked' }),
  },
  {
    key: 'freeze',
    name: 'freeze, locks held',
    what: 'a create is claimed',
    targetMs: (lockTtlMs) => lockTtlMs + 5_000,
    withFiles: false,
    sample: (lane) => leaving(lane, { operation: 'create_volume', at: 'claimed', how: 'freeze', on: 'claimed' }),
  },
  {
    key: 'stop',
    name: 'stop in good order',
    what: 'many snapshots of one volume wait for its lock',
    targetMs: () => 1_000,
    withFiles: true,
    sample: handOver,
  },
];

const bootClock = new BootClock();
const longestMs = 90_000;
/** Of one volume, so that all but one wait. */
const waiting = 12;

interface Leaving {
  readonly operation: string;
  /** The step at which its owner dies or stands still. */
  readonly at: string;
  readonly how: 'kill' | 'freeze';
  /** The step that the other one has to come to. */
  readonly on: string;
}

async function leaving(lane: Lane, { operation, at, how, on }: Leaving): Promise<number> {
  const prepared = await scenarioOf(operation).prepare(lane);
  await lane.arm(at, 1, how);
  const sent = prepared.send();
  sent.catch(() => undefined);
  const slot = await untilStopped(lane, prepared);
  const pid = slot?.pid;
  if (slot === undefined || pid === undefined) throw new Error(`nobody came to "${at}"`);
  if (how === 'freeze') slot.freeze('all');
  const left = (await readTrace(lane.traceDir)).findLast((step) => step.pid === pid)?.atMs ?? bootClock.nowMs();
  const tookMs = await eventually(
    async () => {
      const steps = await readTrace(lane.traceDir);
      const next = steps.find((step) => step.atMs > left && step.pid !== pid && step.step === on);
      return next !== undefined && next.atMs - left;
    },
    { timeoutMs: longestMs, everyMs: 50, what: `"${on}" of another replica` },
  );
  await lane.disarm();
  await lane.heal();
  await lane.until(`the end of ${operation}`, () => prepared.isDone());
  await sent;
  await clear(lane);
  return tookMs;
}

/** From SIGTERM until nothing unfinished is left to the one that stops, nor to nobody. */
async function handOver(lane: Lane): Promise<number> {
  const { id } = await madeVolume(lane);
  const snapshots = Array.from({ length: waiting }, () => randomUUID());
  for (const snapshot of snapshots) await lane.drive.requests.createSnapshot(id, 'takeover', snapshot);
  const [slot] = lane.slots;
  const pid = slot?.pid ?? 0;
  await eventually(async () => (await ownedBy(lane, pid)) >= 3, { everyMs: 5, what: 'work of the one that stops' });
  const since = bootClock.nowMs();
  const stopped = slot?.stop(20_000);
  let tookMs: number;
  do {
    await sleep(5);
    tookMs = bootClock.nowMs() - since;
  } while ((await ownedBy(lane, pid)) > 0 && tookMs < longestMs);
  await stopped;
  await lane.heal();
  for (const snapshot of snapshots) {
    await lane.until(`snapshot ${snapshot}`, () => hasStatus(lane, 'snapshots', snapshot, 'available'));
  }
  await clear(lane);
  return tookMs;
}

/** Unfinished entries of that process, and those of nobody: what waits for an heir. */
async function ownedBy(lane: Lane, pid: number): Promise<number> {
  const rows = await lane.sql<{ count: string }>(
    `select count(*) from aa_journal j where finished_at is null
       and not exists (select 1 from aa_incarnation i where i.id = j.owner and i.pid <> $1)`,
    [pid],
  );
  return Number(rows[0]?.count);
}
