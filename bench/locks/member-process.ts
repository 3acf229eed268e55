/* A process of the lock bench: starts, says `ready`, waits for a line, does its task, prints what came of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator, Lease } from '../../src/coordination/coordinator.ts';
import { lockName, type LockName } from '../../src/coordination/lock-names.ts';
import { never } from '../../src/kernel/abort.ts';
import { ChangingRows } from './changing-rows.ts';
import { startCoordinator, stopCoordinator } from './our-coordinator.ts';
import type { ChangesTask, MemberResult, MemberTask, Turn, TurnsTask } from './member-task.ts';

const take = (by: Coordinator, name: LockName): Promise<Lease> =>
  by.acquire([name], { waitMs: 'forever', signal: never });
const now = (): number => Number(process.hrtime.bigint());

async function turns(task: TurnsTask, coordinator: Coordinator): Promise<readonly Turn[]> {
  const name = lockName(task.lock);
  const done: Turn[] = [];
  const untilNs = now() + task.seconds * 1e9;
  while (now() < untilNs) {
    const asked = now();
    const lease = await take(coordinator, name);
    const had = now();
    if (task.counter === null) await sleep(task.holdMs);
    else await increment(task.counter, task.holdMs);
    const ended = now();
    await lease.release();
    done.push([asked, had, ended, now()]);
  }
  return done;
}

async function increment(counter: string, holdMs: number): Promise<void> {
  const before = Number(readFileSync(counter, 'utf8'));
  await sleep(holdMs);
  writeFileSync(counter, String(before + 1));
}

function rowsOf(task: ChangesTask, coordinator: Coordinator | undefined): ChangingRows {
  return new ChangingRows(task, coordinator && ((row) => take(coordinator, lockName(row))));
}

const task = JSON.parse(process.argv[2] ?? '') as MemberTask;
const coordinator = task.url === null ? undefined : await startCoordinator(task.url);
const rows = task.kind === 'changes' ? rowsOf(task, coordinator) : undefined;
await rows?.open();
process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();
const since = performance.now();
const changes = (await rows?.changeAll()) ?? [];
const done = task.kind === 'turns' && coordinator !== undefined ? await turns(task, coordinator) : [];
const line: MemberResult = { turns: done, changes, seconds: (performance.now() - since) / 1000 };
process.stdout.write(`${JSON.stringify(line)}\n`);
if (coordinator !== undefined) await stopCoordinator(coordinator);
await rows?.close();
