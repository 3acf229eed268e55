import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { verify, type Difference } from '../../../src/check/verify.ts';
import { openCaller } from '../../../src/cli/drive/open-caller.ts';
import { openDrive } from '../../../src/cli/drive/open-drive.ts';
import { ImageServer } from '../../support/image-server.ts';
import { eventually } from '../../support/poll.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { backend } from '../configuration.ts';
import { Guest } from '../guest.ts';
import { quietEvidence, sceneOf } from '../judge.ts';
import type { LockService } from '../options.ts';
import type { ReplicaSlot } from '../replica-slot.ts';
import { RowWatcher } from '../row-watcher.ts';
import { startServers, stopServers, type Servers } from '../servers.ts';
import { Site } from '../site.ts';
import { tenRequests, type Sendable } from './requests.ts';

const readyWithinMs = 90_000;
const run = promisify(execFile);

export interface BrokerRestartOptions {
  /** How many; a multiple of 20. */
  readonly requests: number;
  readonly locks: LockService;
  /** What Node runs as a replica. */
  readonly program: string;
  /** From the restart on, until everything that can be known without a person is done. */
  readonly endsWithinMs: number;
  readonly say: (line: string) => void;
}

interface Scene extends BrokerRestartOptions {
  readonly dir: string;
  readonly servers: Servers;
  readonly site: Site;
  readonly images: ImageServer;
  readonly slots: readonly ReplicaSlot[];
  readonly pool: pg.Pool;
}

/** What is wrong afterwards. */
export async function runBrokerRestart(options: BrokerRestartOptions): Promise<readonly string[]> {
  const { locks, program, say } = options;
  const dir = await makeTempDir('cinder-volume-aa-broker-restart-');
  const servers = await startServers({ locks });
  const images = await ImageServer.start(dir);
  const slots: ReplicaSlot[] = [];
  let pool: pg.Pool | undefined;
  try {
    const site = await Site.make(servers, {
      name: 'restart',
      dir,
      program,
      locks,
      qcow2: false,
      more: { imagesUrl: images.url },
    });
    for (const name of ['r1', 'r2', 'r3']) slots.push(await site.slot(name));
    await Promise.all(slots.map((slot) => slot.start()));
    await Promise.all(slots.map((slot) => slot.ready(AbortSignal.timeout(readyWithinMs))));
    pool = new pg.Pool({ connectionString: site.databaseUrl, max: 2 });
    const wrong = await restartInTheMiddle({ ...options, dir, servers, site, images, slots, pool });
    if (wrong.length === 0) await removeDir(dir);
    else say(`logs and share: ${dir}`);
    return wrong;
  } finally {
    await pool?.end();
    await Promise.all(slots.map((slot) => slot.stop(20_000)));
    await Promise.all(slots.map(({ links }) => links.stop()));
    await Promise.all([stopServers(servers), images.stop()]);
  }
}

async function restartInTheMiddle(scene: Scene): Promise<readonly string[]> {
  const { requests: count, servers, site, images, slots, pool, endsWithinMs, say } = scene;
  const config = await site.driverConfig();
  const drive = await openDrive(config, { bypassApi: false, signal: new AbortController().signal });
  const caller = await openCaller(config, AbortSignal.timeout(30_000));
  try {
    const [target, type] = [await drive.target(backend), await drive.volumeType(undefined)];
    const watcher = new RowWatcher(pool);
    const hands = { drive, target, type, watcher, images, guest: new Guest(site.share), rpc: caller.rpc };
    const made = await Promise.all(Array.from({ length: count / 10 }, () => tenRequests(hands)));
    const [received, lost] = [made.slice(0, count / 20).flat(), made.slice(count / 20).flat()];
    const ends = (sent: readonly Sendable[]): Promise<readonly string[]> =>
      Promise.all(sent.map((one) => endOf(watcher, one, endsWithinMs))).then((found) => found.flat());
    const { rows } = await pool.query<{ id: string }>('select coalesce(max(id), 0) as id from aa_journal');
    const before = rows[0]?.id;
    // Their steps on the share wait, so that the restart comes in the middle of them.
    for (const slot of slots) slot.freeze('helpers');
    await Promise.all(received.map((one) => one.send()));
    await eventually(async () => (await journalled(pool, before)).all === received.length, { what: 'the journal' });
    for (const { links } of slots) links.cut(['rabbit'], 'black hole');
    await Promise.all(lost.map((one) => one.send()));
    const { all, unfinished } = await journalled(pool, before);
    say(`${all} requests were received, ${unfinished} of them are under way; ${lost.length} lie in the queue`);
    await servers.rabbit.kill();
    await servers.rabbit.restart();
    for (const slot of slots) {
      slot.links.heal();
      slot.thaw();
    }
    const since = performance.now();
    const seconds = (): string => ((performance.now() - since) / 1000).toFixed(1);
    const takenUp = lost.filter(({ isTakenUp }) => isTakenUp);
    const [ofReceived, ofLost] = [ends(received), ends(takenUp)];
    const wrong = [...(await ofReceived)];
    say(`${seconds()} s after the restart: all that were received have ended`);
    wrong.push(...(await ofLost));
    say(`${seconds()} s: ${takenUp.length} that were lost have ended as well`);
    const rest = lost.filter(({ isTakenUp }) => !isTakenUp);
    for (const one of made.flat()) wrong.push(...((await one.check?.()) ?? []).map(differenceText));
    wrong.push(...(await madeTwice(pool, before)), ...(await listedWrongly(scene, rest)));
    for (const one of rest) await one.settle?.();
    const evidence = await quietEvidence(sceneOf(config, [site.share], drive));
    return [...wrong, ...verify(evidence).map(differenceText)];
  } finally {
    await caller.close();
    await drive.close();
  }
}

async function endOf(
  watcher: RowWatcher,
  { what, table, id, goal }: Sendable,
  withinMs: number,
): Promise<readonly string[]> {
  const { kind, status } = await watcher.until(table, id, goal, withinMs);
  return kind === 'reached' ? [] : [`${what} ${id} is ${status}: ${kind}`];
}

async function journalled(
  pool: pg.Pool,
  after: string | undefined,
): Promise<{ readonly all: number; readonly unfinished: number }> {
  const { rows } = await pool.query<{ all: string; unfinished: string }>(
    `select count(*) as all, count(*) filter (where finished_at is null) as unfinished from aa_journal where id > $1`,
    [after],
  );
  return { all: Number(rows[0]?.all), unfinished: Number(rows[0]?.unfinished) };
}

/** Three replicas look for what was lost: of each creation there is one entry. */
async function madeTwice(pool: pg.Pool, after: string | undefined): Promise<readonly string[]> {
  const { rows } = await pool.query<{ id: string; entries: string }>(
    `select resource_id as id, count(*) as entries from aa_journal
     where id > $1 and method = 'create_volume' group by resource_id having count(*) > 1`,
    [after],
  );
  return rows.map(({ id, entries }) => `volume ${id} has ${entries} entries of its creation`);
}

/** `requests list` names the rest, each with what settles it, and nothing else. */
async function listedWrongly({ program, dir, say }: Scene, rest: readonly Sendable[]): Promise<readonly string[]> {
  const configFile = join(dir, 'driver.conf');
  const argv = [program, 'requests', 'list', '--json', '--older-than', '1', '--config-file', configFile];
  // It exits with 3 where it lists any.
  const said = await run(process.execPath, argv).catch((error: unknown) => error as { readonly stdout: string });
  const { uncarried } = JSON.parse(said.stdout) as { uncarried: { id: string; status: string; command: string }[] };
  say(`${uncarried.length} are listed by "requests list":`);
  for (const status of new Set(uncarried.map((row) => row.status))) {
    const some = uncarried.filter((row) => row.status === status);
    say(`  ${some.length} ${status}, for example: ${some[0]?.command}`);
  }
  const [named, wanted] = [new Set(uncarried.map(({ id }) => id)), new Set(rest.map(({ id }) => id))];
  return [
    ...rest.filter(({ id }) => !named.has(id)).map(({ what, id }) => `${what} ${id} is lost and not listed`),
    ...[...named].filter((id) => !wanted.has(id)).map((id) => `${id} is listed, and was not to be`),
  ];
}

const differenceText = ({ kind, subject, problem }: Difference): string => `${kind}: ${subject} ${problem}`;
