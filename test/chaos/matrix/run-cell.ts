import { setTimeout as sleep } from 'node:timers/promises';
import { verify, type Difference } from '../../../src/check/verify.ts';
import { imageProblems } from '../../../src/check/image-check.ts';
import type { TracedStep } from '../../../src/dev/failpoints.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { messageOf } from '../../../src/kernel/errors.ts';
import { eventually } from '../../support/poll.ts';
import { quietEvidence, sceneOf } from '../judge.ts';
import type { ServerName } from '../links.ts';
import type { ReplicaSlot } from '../replica-slot.ts';
import { ownersAtOnce, readTrace } from '../tokens.ts';
import type { Cell, CellFault, CellResult } from './cells.ts';
import { times, type Lane } from './lane.ts';
import type { Prepared, Scenario } from './makings.ts';

/** Its locks are somebody else's by then. */
const faultLastsMs = (times.lockTtl + 1) * 1_000;
/** So long it stands still where the work waits for it: a call that the broker gives to nobody else. */
const longestFaultMs = 2 * faultLastsMs;
const stopsWithinMs = 20_000;
const afterEndMs = 500;

const bootClock = new BootClock();

/** Passed only where somebody has died: the cell begins with that. */
export const adoption = 'adopted';
/** Where the first owner dies then. */
const deathBefore = 'claimed';

/** Every step that the operation passes where nothing goes wrong, in order. */
export async function stepsOf(lane: Lane, scenario: Scenario): Promise<readonly string[]> {
  const since = bootClock.nowMs();
  const prepared = await prepare(lane, scenario);
  const sentAt = bootClock.nowMs();
  await prepared.send();
  await lane.until(`the end of ${scenario.name}`, () => prepared.isDone());
  // What comes after the settlement; the check below may ask for more, which is not the operation's.
  await sleep(afterEndMs);
  const endedAt = bootClock.nowMs();
  const problems = await judge(lane, prepared, since);
  if (problems.length > 0) throw new Error(`${scenario.name}, without a fault: ${problems.join('; ')}`);
  const steps = (await readTrace(lane.traceDir))
    .filter(({ atMs }) => atMs > sentAt && atMs <= endedAt)
    .map(({ step }) => step);
  await clear(lane);
  return steps.filter((step) => step !== adoption);
}

/** What was made for the request has given its locks back, too: no step is passed any more that is not the request's. */
async function prepare(lane: Lane, scenario: Scenario): Promise<Prepared> {
  const prepared = await scenario.prepare(lane);
  await lane.until(`the last step of what ${scenario.name} needs`, async () => {
    const trace = await readTrace(lane.traceDir);
    const passed = (slot: ReplicaSlot, name: string): number =>
      trace.filter(({ pid, step, atMs }) => pid === slot.pid && step === name && atMs > slot.sinceMs).length;
    return lane.slots.every((slot) => passed(slot, 'locked') === passed(slot, 'released'));
  });
  return prepared;
}

/** Runs one cell on a lane in which nothing is under way, and leaves it so. */
export async function runCell(lane: Lane, scenario: Scenario, cell: Cell): Promise<CellResult> {
  const since = performance.now();
  try {
    const found = await tryCell(lane, scenario, cell);
    await lane.heal();
    if (found !== 'not reached' && found.length === 0) await clear(lane);
    const end = found === 'not reached' ? 'not reached' : found.length === 0 ? 'whole' : 'broken';
    return { cell, end, problems: found === 'not reached' ? [] : found, tookMs: performance.now() - since };
  } catch (error) {
    return { cell, end: 'broken', problems: [messageOf(error)], tookMs: performance.now() - since };
  }
}

async function tryCell(lane: Lane, scenario: Scenario, cell: Cell): Promise<readonly string[] | 'not reached'> {
  const since = bootClock.nowMs();
  const prepared = await prepare(lane, scenario);
  const isAdoption = cell.step === adoption;
  const arm = (): Promise<void> => lane.arm(cell.step, cell.nth, cell.fault === 'kill' ? 'kill' : 'freeze');
  await (isAdoption ? lane.arm(deathBefore, 1, 'kill') : arm());
  const sent = prepared.send();
  sent.catch(() => undefined);
  if (isAdoption) await dieFirst(lane, prepared, arm);
  const slot = await untilStopped(lane, prepared);
  if (slot !== undefined) await strike(lane, slot, cell.fault, prepared);
  await lane.until(`the end of ${cell.operation}`, () => prepared.isDone());
  await sent;
  await lane.disarm();
  const problems = await judge(lane, prepared, since);
  return slot === undefined && problems.length === 0 ? 'not reached' : problems;
}

/** Its owner dies; who adopts the entry, be it the other one or its own successor, comes to the step that is armed. */
async function dieFirst(lane: Lane, prepared: Prepared, arm: () => Promise<void>): Promise<void> {
  const owner = await untilStopped(lane, prepared);
  if (owner === undefined) throw new Error(`nobody came to "${deathBefore}"`);
  await eventually(() => !owner.isRunning(), { what: `the end of ${owner.name}` });
  await lane.disarm();
  await arm();
  await lane.revive(owner);
}

/** Who has come to the step that was armed; undefined: the work ended without it. */
export async function untilStopped(lane: Lane, prepared: Prepared): Promise<ReplicaSlot | undefined> {
  const deadline = performance.now() + stopsWithinMs;
  let doneSince: number | undefined;
  while (performance.now() < deadline) {
    const slot = await lane.stopped();
    if (slot !== undefined) return slot;
    // The last steps come after the rows say that it is done.
    if (await prepared.isDone()) doneSince ??= performance.now();
    if (doneSince !== undefined && performance.now() - doneSince > 2_500) return undefined;
    await sleep(10);
  }
  return undefined;
}

const serverOf: Readonly<Record<Exclude<CellFault, 'kill' | 'freeze'>, ServerName>> = {
  database: 'postgres',
  broker: 'rabbit',
  locks: 'locks',
};

async function strike(lane: Lane, slot: ReplicaSlot, fault: CellFault, prepared: Prepared): Promise<void> {
  if (fault === 'kill') {
    await eventually(() => !slot.isRunning(), { what: `the end of ${slot.name}` });
    // Its successor is at work meanwhile, as in a cloud whose unit is started again at once.
    return lane.heal();
  }
  await eventually(() => slot.isFrozen(), { what: `${slot.name} standing still` });
  if (fault === 'freeze') {
    slot.freeze('all');
    await whileAway(prepared);
    slot.thaw();
    return;
  }
  slot.links.cut([serverOf[fault]], 'reset');
  slot.thaw();
  await sleep(faultLastsMs);
  slot.links.heal();
}

async function whileAway(prepared: Prepared): Promise<void> {
  const since = performance.now();
  const lastedMs = (): number => performance.now() - since;
  while (lastedMs() < longestFaultMs && !(lastedMs() > faultLastsMs && (await prepared.isDone()))) await sleep(50);
}

async function judge(lane: Lane, prepared: Prepared, since: number): Promise<readonly string[]> {
  // First: it puts back what it has compared, where only the rows say so.
  const own = await prepared.check();
  const evidence = await quietEvidence(sceneOf(lane.config, [lane.share, lane.leavingShare], lane.drive));
  const trace = (await readTrace(lane.traceDir)).filter(({ atMs }: TracedStep) => atMs > since);
  const found: readonly Difference[] = [
    ...own,
    ...verify(evidence),
    ...(await imageProblems(evidence.shares)),
    ...ownersAtOnce(trace, true),
  ];
  return found.map(({ kind, subject, problem }) => `${kind}: ${subject} ${problem}`);
}

/** What the cell made goes by the service's own hand. */
export async function clear(lane: Lane): Promise<void> {
  const { db, requests } = lane.drive;
  for (const { id } of await lane.drive.volumes()) {
    await db.volumes.update(id, { status: 'available', attach_status: 'detached', group_id: null });
    await requests.deleteVolume(id, { cascade: true });
  }
  await lane.until('an empty backend', async () => (await lane.drive.volumes()).length === 0);
}
