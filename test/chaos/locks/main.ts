import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { syncDatabase } from '../../../src/db/sync-database.ts';
import { messageOf } from '../../../src/kernel/errors.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { oneOf, wholeNumber } from '../../support/command-options.ts';
import { eventually } from '../../support/poll.ts';
import { startPostgres } from '../../support/servers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { Random } from '../random.ts';
import { judge, type Verdict } from './judge.ts';
import { Member } from './members.ts';
import { serviceKinds, type ServiceKind } from './services.ts';
import type { Strike } from './story.ts';
import { strike, type Site } from './strikes.ts';

const names = serviceKinds.map(({ name }) => name);

const usage = `Usage: npm run lock-faults -- [options]

Processes that contend for a few locks, on real lock services, while one thing after the other breaks; each writes down
when it was sure of what, and at the end all of it is compared.

  --services LIST    any of ${names.join(', ')} (all)
  --seconds N        with faults, for each service (60)
  --members N        processes (4)
  --locks N          locks that they contend for (3)
  --ttl N            seconds for which a lock outlives its owner (3)
  --seed N           of what is struck, and when (the time of day)
  --keep             keep what the members wrote down
`;

const known = {
  services: { type: 'string', default: names.join(',') },
  seconds: { type: 'string', default: '60' },
  members: { type: 'string', default: '4' },
  locks: { type: 'string', default: '3' },
  ttl: { type: 'string', default: '3' },
  seed: { type: 'string' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface FaultRun {
  readonly dir: string;
  readonly databaseUrl: string;
  readonly seconds: number;
  readonly members: number;
  readonly locks: number;
  readonly ttlMs: number;
  readonly seed: number;
}

const heartbeatMs = 500;
/** Within a heartbeat, and what a busy machine is late. */
const noticeMs = heartbeatMs + 1_500;
/** After the last fault everybody has a lock again within a time to live and the pauses before new tries. */
const calmMs = 30_000;

/** One service's run, from its start to the verdict. */
async function runOn(kind: ServiceKind, run: FaultRun): Promise<{ verdict: Verdict; strikes: readonly Strike[] }> {
  const dir = join(run.dir, kind.name);
  await mkdir(join(dir, 'locks'), { recursive: true });
  const server = await kind.start?.();
  const random = new Random(run.seed);
  const members: Member[] = [];
  try {
    for (let at = 1; at <= run.members; at += 1) members.push(await memberOf(kind, run, dir, server?.port ?? 0, at));
    for (const member of members) member.start();
    const site: Site = { kind, server, members, clock: new BootClock(), ttlMs: run.ttlMs };
    const strikes = await haunt(site, run.seconds, random);
    const stuck = await untilAllGoOn(site);
    await Promise.all(members.map((member) => member.stop()));
    const lives = (await Promise.all(members.map((member) => member.lives()))).flat();
    const verdict = judge(kind, lives, strikes, noticeMs);
    const more = [...stuck, ...members.flatMap(({ complaints }) => complaints)];
    return { verdict: { ...verdict, violations: [...verdict.violations, ...more] }, strikes };
  } finally {
    await Promise.all(members.map((member) => member.stop()));
    await server?.stop();
  }
}

async function memberOf(kind: ServiceKind, run: FaultRun, dir: string, port: number, at: number): Promise<Member> {
  const way = await new TcpProxy({ port }).start();
  const locks = Array.from({ length: run.locks }, (_, lock) => `lock-${lock + 1}`);
  const times = { lockTtlMs: run.ttlMs, heartbeatMs, safetyMarginMs: run.ttlMs / 10 };
  return new Member(`member-${at}`, way, dir, {
    url: kind.url(way.port, join(dir, 'locks')),
    databaseUrl: run.databaseUrl,
    times,
    locks,
    seed: run.seed * 100 + at,
  });
}

async function haunt(site: Site, seconds: number, random: Random): Promise<readonly Strike[]> {
  const strikes: Strike[] = [];
  const untilMs = site.clock.nowMs() + seconds * 1_000;
  while (site.clock.nowMs() < untilMs) {
    await sleep(random.between(100, 1_500));
    strikes.push(await strike(site, random));
  }
  return strikes;
}

/** Everybody must come to a lock again once nothing is broken any more; who does not is named. */
async function untilAllGoOn({ members, clock }: Site): Promise<readonly string[]> {
  const sinceMs = clock.nowMs();
  const waits = members.map(async (member) => {
    const goesOn = async (): Promise<boolean> => (await member.lives()).some(({ wonMs }) => wonMs > sinceMs);
    const options = { timeoutMs: calmMs, everyMs: 250 };
    return eventually(goesOn, options).then(
      () => [],
      () => [`${member.name} got no lock any more`],
    );
  });
  return (await Promise.all(waits)).flat();
}

function tell(kind: ServiceKind, { verdict, strikes }: { verdict: Verdict; strikes: readonly Strike[] }): void {
  const counts = (kinds: readonly string[]): string =>
    [...new Set(kinds)].map((one) => `${one} ${kinds.filter((other) => other === one).length}`).join(', ');
  const losses = [...verdict.lost].map(([why, count]) => `${why} ${count}`).join(', ');
  console.log(
    `${kind.name}: ${verdict.violations.length} wrong; ${strikes.length} faults (${counts(strikes.map((one) => one.kind))}); ` +
      `${verdict.leases} times a lock was had; lost by ${losses || 'nothing'}; ` +
      `a forgotten lock was believed in for ${Math.round(verdict.noticedMs)} ms at most; ${verdict.refused} late writes refused`,
  );
  for (const what of verdict.violations) console.log(`  WRONG ${what}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: known, strict: true });
  if (values.help) {
    console.log(usage);
    return;
  }
  const many = { min: 1, max: 999_999 };
  const kinds = values.services
    .split(',')
    .map((name) => oneOf('--services', name, names))
    .flatMap((name) => serviceKinds.find((kind) => kind.name === name) ?? []);
  const dir = await makeTempDir('cinder-volume-aa-lock-faults-');
  const postgres = await startPostgres();
  const seed = wholeNumber('--seed', values.seed ?? String(Date.now() % 1_000_000), many);
  try {
    await syncDatabase(postgres.url, { schema: null });
    const run: FaultRun = {
      dir,
      databaseUrl: postgres.url,
      seconds: wholeNumber('--seconds', values.seconds, many),
      members: wholeNumber('--members', values.members, many),
      locks: wholeNumber('--locks', values.locks, many),
      ttlMs: wholeNumber('--ttl', values.ttl, many) * 1_000,
      seed,
    };
    for (const kind of kinds) {
      const result = await runOn(kind, run);
      tell(kind, result);
      if (result.verdict.violations.length === 0) continue;
      const { members, locks, ttl } = values;
      const same = `--seconds ${run.seconds} --members ${members} --locks ${locks} --ttl ${ttl} --seed ${seed}`;
      console.log(`  again: npm run lock-faults -- --services ${kind.name} ${same}`);
      process.exitCode = 3;
    }
  } finally {
    await postgres.stop();
    if (values.keep) console.log(`what they wrote down is in ${dir}`);
    else await removeDir(dir);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error));
  process.exitCode = 1;
}
