import { coordinatorOptions } from '../../app/coordinator-options.ts';
import type { Config } from '../../config/load.ts';
import type { Coordinator } from '../../coordination/coordinator.ts';
import { AppError, messageOf } from '../../kernel/errors.ts';
import type { CommandIo } from '../command-io.ts';
import { openDatabaseOf } from '../drive/open-rows.ts';
import { checkDeath, checkFreeze, checkNames, checkRefusal } from './check-loss.ts';
import { handOverTimes, spreadText, uncontendedTimes } from './check-speed.ts';
import { reportPython } from './check-python.ts';
import type { Finding, Report } from './finding.ts';
import { LockOwner } from './lock-owner.ts';
import { lookOf } from './look-of.ts';
import { openCoordinator, type OpenCoordinator } from './open-coordinator.ts';

/** So long another check, which uses the same names, is waited for. */
const otherCheckMs = 120_000;
/** An owner that was killed in the last check may still bar the way. */
const startMs = 60_000;

export interface LockCheck {
  readonly config: Config;
  readonly io: CommandIo;
  /** Without the parts that wait: until a lock runs out, or for whoever reads the queues. */
  readonly quick: boolean;
  /** Told at once, one after another. */
  readonly report: Report;
}

/**
 * Whether the locks of a configuration are safe, how fast they are, and who else is there. Does nothing to anybody
 * else's lock. Two clients of this process and two processes of their own play the members.
 */
export async function checkLocks(check: LockCheck): Promise<void> {
  const { config, io, report } = check;
  const sinceMs = performance.now();
  let one: OpenCoordinator;
  try {
    one = await openCoordinator(config, io);
  } catch (error) {
    if (!(error instanceof AppError) || io.signal.aborted) throw error;
    report({ level: 'problem', about: 'reached', text: messageOf(error) });
    return;
  }
  try {
    report({ level: 'ok', about: 'reached', text: `in ${(performance.now() - sinceMs).toFixed(0)} ms` });
    for (const finding of guaranteeFindings(one.coordinator, config)) report(finding);
    await withTurn(one.coordinator, io.signal, () => checkWithOther(check, one.coordinator));
    await reportOthers(check, one.coordinator);
    if (!check.quick) await reportPython(check, one.coordinator);
  } finally {
    await one.close();
  }
}

/** Two checks at a time would take each other for the members that they play. */
async function withTurn(coordinator: Coordinator, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const turn = await coordinator.acquire([checkNames.turn], { waitMs: otherCheckMs, signal });
  try {
    await work();
  } finally {
    await turn.release();
  }
}

function guaranteeFindings({ guarantees }: Coordinator, config: Config): readonly Finding[] {
  const { scope, survivesFailover, fifo } = guarantees;
  const clustered = config.settings.service.cluster !== null;
  const reach: Finding =
    scope === 'cluster'
      ? { level: 'ok', about: 'reach', text: 'every host that uses this lock service' }
      : {
          level: clustered ? 'problem' : 'note',
          about: 'reach',
          text: `only ${scope === 'host' ? 'this host' : 'one process'}: replicas on other hosts are not excluded`,
        };
  const failover: Finding = survivesFailover
    ? { level: 'ok', about: 'fail-over', text: 'acknowledged locks are kept' }
    : { level: 'note', about: 'fail-over', text: 'the server may forget locks; fencing tokens stop the former owner' };
  const order: Finding = {
    level: fifo ? 'ok' : 'note',
    about: 'order',
    text: fifo ? 'first come, first served' : 'waiters of different processes are served in no fixed order',
  };
  return [reach, failover, order];
}

async function checkWithOther({ config, io, quick, report }: LockCheck, one: Coordinator): Promise<void> {
  const { signal } = io;
  const other = await openCoordinator(config, io);
  const options = coordinatorOptions(config.settings);
  const owners = [checkNames.frozen, checkNames.killed].map((name) => new LockOwner({ name, options }));
  const [frozen, killed] = owners as [LockOwner, LockOwner];
  try {
    const held = await Promise.all(owners.map((owner) => owner.next('held', startMs, signal)));
    const provenForMs = Math.min(...held.map((message) => message.provenForMs ?? Infinity));
    const lasts = { provenForMs, marginMs: config.settings.coordination.safetyMarginMs };
    report(await checkRefusal(other.coordinator, signal));
    report({ level: 'ok', about: 'take and give back', text: spreadText(await uncontendedTimes(one, signal)) });
    report({ level: 'ok', about: 'hand over', text: spreadText(await handOverTimes(one, other.coordinator, signal)) });
    if (quick) return;
    io.complain(
      `now losing locks, which may take ${Number.isFinite(provenForMs) ? longestText(lasts) : 'some seconds'}`,
    );
    const expiry = { by: other.coordinator, lasts, signal };
    const findings = await Promise.all([checkFreeze(frozen, expiry), checkDeath(killed, expiry)]);
    for (const finding of findings.flat()) report(finding);
  } finally {
    await Promise.all(owners.map((owner) => owner.end()));
    await other.close();
  }
}

function longestText({ provenForMs, marginMs }: { provenForMs: number; marginMs: number }): string {
  return `${Math.ceil((provenForMs + marginMs) / 1000)} s`;
}

/** Who holds locks now, and which members the database knows. */
async function reportOthers({ config, io, report }: LockCheck, coordinator: Coordinator): Promise<void> {
  const holders = await coordinator.holders();
  const names = new Set(holders.map(({ name }) => name));
  report({ level: 'ok', about: 'locks held now', text: names.size === 0 ? 'none' : String(names.size) });
  if (config.settings.database.connection === null) {
    report({ level: 'note', about: 'members', text: '[database] connection is not set: nobody can be asked' });
    return;
  }
  try {
    await reportMembers({ config, io, report }, coordinator);
  } catch (error) {
    io.signal.throwIfAborted();
    report({ level: 'problem', about: 'members', text: `they cannot be asked for: ${messageOf(error)}` });
  }
}

async function reportMembers(
  { config, io, report }: Omit<LockCheck, 'quick'>,
  coordinator: Coordinator,
): Promise<void> {
  const rows = await openDatabaseOf(config, io.signal);
  const { db } = rows;
  try {
    const all = await db.incarnations.list();
    const serves = [...new Set(all.flatMap((member) => member.serves))];
    const look = lookOf(config, { coordinator, db, serves });
    await look.turn(io.signal);
    if (look.members.length === 0) report({ level: 'ok', about: 'members', text: 'none is alive' });
    for (const { host, pid, serves: theirs, meeting, why } of look.members) {
      const level = meeting === 'meets' ? 'ok' : meeting === 'apart' ? 'problem' : 'note';
      report({ level, about: 'member', text: `${host} (pid ${pid}), ${theirs.join(', ')}: ${why}` });
    }
  } finally {
    await rows.close();
  }
}
