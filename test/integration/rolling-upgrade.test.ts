import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nextMigration } from '../chaos/next-release/migrations.ts';
import { eventLine } from '../chaos/history.ts';
import type { ChaosOptions } from '../chaos/options.ts';
import type { ReplicaSlot } from '../chaos/replica-slot.ts';
import { eventsOf, runChaos, type ChaosRun } from '../chaos/run.ts';
import { buildNextRelease, nextVersion, type Build } from '../support/build.ts';
import { buildOnce } from '../support/shared-servers.ts';

/*
 * The fault laboratory (test/chaos) without a fault: while users ask for much at once, one replica after the other is
 * stopped in good order and started again as the next release, which adds to the tables that the others work on; and
 * then, as an operator who changes his mind would do it, as the release of before.
 */

const options: ChaosOptions = {
  ...{ replicas: 3, seconds: 60, phaseSeconds: 60, seed: 4711, faults: [] },
  ...{ locks: 'file', users: 6, keep: false },
};

let program: string;
let next: Build;

beforeAll(async () => {
  [program, next] = [join(await buildOnce(), 'src/main.js'), await buildNextRelease()];
}, 180_000);

afterAll(() => next.remove());

it('fails no request while replicas are replaced by the next release, and by this one again', async () => {
  const said: string[] = [];
  const together: string[][] = [];
  const disturb: ChaosRun['disturb'] = async (lab, note, signal) => {
    const pool = new pg.Pool({ connectionString: lab.databaseUrl, max: 1 });
    try {
      do {
        for (const release of [join(next.dist, 'src/main.js'), program]) {
          for (const slot of lab.slots) {
            await replace(slot, release, note);
            together.push(await versionsAtWork(pool));
          }
        }
      } while (!signal.aborted);
      expect(await appliedMigrations(pool)).toContain(nextMigration);
    } finally {
      await pool.end();
    }
  };
  const report = await runChaos(options, { program, say: (line) => said.push(line), disturb });
  const wrong = report.differences.map(({ kind, subject, problem }) => `${kind}: ${subject} ${problem}`);
  const told = [...said, report.dir, ...(wrong.length === 0 ? [] : eventsOf(report).slice(-200).map(eventLine))];
  expect(wrong, told.join('\n')).toEqual([]);
  // Nobody had to be killed because it did not stop.
  expect(report.kills, told.join('\n')).toBe(0);
  expect(report.requests, told.join('\n')).toBeGreaterThan(20);
  expect(together.filter((versions) => versions.length === 2).length).toBeGreaterThan(1);
  expect(together.some((versions) => versions.length === 1 && versions[0] === nextVersion)).toBe(true);
}, 500_000);

async function replace(slot: ReplicaSlot, release: string, note: (what: string) => void): Promise<void> {
  slot.heldBy = 'upgrade';
  note(`${slot.name} is stopped in good order`);
  await slot.stop(30_000);
  slot.program = release;
  await slot.start();
  await slot.ready(AbortSignal.timeout(90_000));
  note(`${slot.name} serves again`);
  slot.heldBy = undefined;
}

async function versionsAtWork(pool: pg.Pool): Promise<string[]> {
  const recent = "beat_at > now() at time zone 'utc' - interval '2 seconds'";
  const { rows } = await pool.query<{ version: string }>(`select distinct version from aa_incarnation where ${recent}`);
  return rows.map(({ version }) => version);
}

async function appliedMigrations(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>('select name from aa_migrations');
  return rows.map(({ name }) => name);
}
