import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { openCaller } from '../../src/cli/drive/open-caller.ts';
import { openDrive } from '../../src/cli/drive/open-drive.ts';
import type { Difference } from '../../src/check/verify.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';
import { backend } from './configuration.ts';
import { Guest } from './guest.ts';
import { History, type HistoryEvent } from './history.ts';
import { judge } from './judge.ts';
import { Known } from './known.ts';
import { Lab } from './lab.ts';
import { haunt, tendingOf } from './nemesis.ts';
import type { ChaosOptions } from './options.ts';
import { Random } from './random.ts';
import { RowWatcher } from './row-watcher.ts';
import { Users } from './users.ts';

/** A request may take this long, with everything that happens to the replicas on its way. */
const requestTimeoutMs = 120_000;

/** The tables whose rows tell how something went wrong. */
const telling = ['aa_incarnation', 'aa_journal', 'aa_fence', 'aa_outbox', 'volumes', 'snapshots', 'workers'];

export interface ChaosReport {
  readonly dir: string;
  readonly history: History;
  readonly differences: readonly Difference[];
  readonly requests: number;
  readonly refused: number;
  readonly kills: number;
  readonly freezes: number;
  /** Journal entries that more than one owner claimed. */
  readonly takenOver: number;
  /** Milliseconds from sending to the end that the row shows: median, 99th percentile, most. */
  readonly tookMs: { readonly median: number; readonly p99: number; readonly most: number };
}

/** What happened to the resources that differ, and the faults meanwhile, in order. */
export function eventsOf({ differences, history }: ChaosReport): readonly HistoryEvent[] {
  return history.concerning(differences.flatMap(({ subject }) => /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(subject) ?? []));
}

export interface ChaosRun {
  /** What Node runs as a replica. */
  readonly program: string;
  readonly say: (line: string) => void;
  /** What happens to the replicas in each phase, until `signal` aborts at least; by default faults chosen by chance. */
  readonly disturb?: (lab: Lab, note: (what: string) => void, signal: AbortSignal) => Promise<void>;
}

/** Runs phases of traffic and faults, each with a judgement at its end; ends early where something is wrong. */
export async function runChaos(options: ChaosOptions, run: ChaosRun): Promise<ChaosReport> {
  const dir = await makeTempDir('cinder-volume-aa-chaos-');
  const random = new Random(options.seed);
  const history = new History(dir);
  run.say(`the laboratory starts in ${dir}`);
  const lab = await Lab.start(options, dir, run.program, random.fork());
  try {
    const report = await phases(options, lab, random, history, run);
    if (report.differences.length === 0 && !options.keep) await removeDir(dir);
    return report;
  } finally {
    await lab.stop();
  }
}

async function phases(
  options: ChaosOptions,
  lab: Lab,
  random: Random,
  history: History,
  { say, disturb }: ChaosRun,
): Promise<ChaosReport> {
  const drive = await openDrive(lab.config, { bypassApi: false, signal: new AbortController().signal });
  const caller = await openCaller(lab.config, AbortSignal.timeout(30_000));
  const pool = new pg.Pool({ connectionString: lab.databaseUrl, max: 2 });
  pool.on('error', () => undefined);
  const [known, guest] = [new Known(), new Guest(lab.share)];
  const wrong: Difference[] = [];
  const users = new Users({
    ...{ drive, known, guest, history, watcher: new RowWatcher(pool), timeoutMs: requestTimeoutMs },
    target: await drive.target(backend),
    rpc: caller.rpc,
    leavingShare: lab.leavingShare,
    type: await drive.volumeType(undefined),
    random: random.fork(),
    onWrong: (problem, id) => wrong.push({ kind: 'stuck', subject: id, problem }),
  });
  const tending = tendingOf(options.faults, random.fork(), history);
  lab.tend(tending);
  const faultRandom = random.fork();
  const note = (what: string): void => history.add('fault', what);
  const strike = disturb ?? ((_, __, signal) => haunt(lab, options.faults, faultRandom, note, signal));
  try {
    for (let done = 0; done < options.seconds && wrong.length === 0; done += options.phaseSeconds) {
      history.add('phase', `traffic from second ${done}`);
      tending.calm = false;
      const signal = AbortSignal.timeout(options.phaseSeconds * 1000);
      const ended = Promise.all([
        users.run(options.users, signal),
        strike(lab, note, signal).then(() => (tending.calm = true)),
      ]);
      await ended;
      await lab.heal();
      history.add('phase', 'judgement');
      const locksCanBeLost = options.locks !== 'file';
      wrong.push(...(await judge({ lab, drive, known, guest, locksCanBeLost, endedMs: () => endsOf(pool) })));
      const [volumes, snapshots] = [known.volumes.length, known.snapshots.length];
      say(
        `${history.count('ended')} requests, ${volumes} volumes, ${snapshots} snapshots, ${wrong.length} differences`,
      );
    }
    for (const { kind, subject, problem } of wrong) history.add('difference', `${kind}: ${subject} ${problem}`);
    if (wrong.length > 0) await keepRows(pool, lab.dir);
    return { ...(await figures(lab, pool, users, history)), differences: wrong, history, dir: lab.dir };
  } finally {
    await pool.end();
    await caller.close();
    await drive.close();
  }
}

/** What the database says: it ends with the laboratory. */
async function keepRows(pool: pg.Pool, dir: string): Promise<void> {
  for (const table of telling) {
    const { rows } = await pool.query<object>(`select * from ${table}`);
    await writeFile(join(dir, `${table}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
}

async function endsOf(pool: pg.Pool): Promise<ReadonlyMap<string, number>> {
  const { rows } = await pool.query<{ id: string; ms: string }>(
    'select id, floor(extract(epoch from finished_at) * 1000) as ms from aa_journal where finished_at is not null',
  );
  return new Map(rows.map(({ id, ms }) => [id, Number(ms)]));
}

async function figures(lab: Lab, pool: pg.Pool, users: Users, history: History) {
  const { rows } = await pool.query<{ count: string }>('select count(*) from aa_journal where claim > 1');
  const times = [...users.tookMs].sort((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0);
  return {
    requests: history.count('ended'),
    refused: history.count('refused'),
    kills: lab.slots.reduce((sum, { kills }) => sum + kills, 0),
    freezes: lab.slots.reduce((sum, { freezes }) => sum + freezes, 0),
    takenOver: Number(rows[0]?.count),
    tookMs: { median: at(0.5), p99: at(0.99), most: at(1) },
  };
}

/** As it is shipped: `npm run chaos` builds it first. */
export const builtProgram = (): string => join(import.meta.dirname, '../../../dist/src/main.js');
