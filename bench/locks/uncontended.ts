import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { Redis } from 'ioredis';
import zookeeper from 'node-zookeeper-client';
import { lockName } from '../../src/coordination/lock-names.ts';
import { never } from '../../src/kernel/abort.ts';
import { toError } from '../../src/kernel/errors.ts';
import { TcpProxy } from '../../test/support/tcp-proxy.ts';
import { startCoordinator, stopCoordinator } from './our-coordinator.ts';
import type { LockService } from './services.ts';
import { spreadOf } from './turns.ts';

/** The same work by the bare client: as many round trips as a lock takes at least. */
interface BareClient {
  acquireAndRelease(): Promise<void>;
  close(): void;
}

/** Medians of taking and giving back a lock that nobody else wants. */
interface Medians {
  readonly oursMs: number;
  /** Undefined where no client is compared. */
  readonly bareMs: number | undefined;
}

export interface Uncontended {
  /** On loopback, where a round trip costs hardly more than the work at its ends. */
  readonly near: Medians;
  /** Over a network that takes `farMs` each way, where round trips are what counts; where a client is compared. */
  readonly far: Medians | undefined;
}

export const farMs = 2;

const batch = 50;
const nearBatches = 20;
const farBatches = 4;

export async function measureUncontended(service: LockService): Promise<Uncontended> {
  const near = await measureAt(service, nearBatches);
  if (near.bareMs === undefined) return { near, far: undefined };
  const port = /:(\d+)(?=[/?]|$)/.exec(service.url)?.[1] ?? '';
  const network = await new TcpProxy({ port: Number(port) }).start();
  network.slow(farMs);
  try {
    const far = { ...service, url: service.url.replace(port, String(network.port)) };
    return { near, far: await measureAt(far, farBatches) };
  } finally {
    await network.stop();
  }
}

/** Ours and the bare client's in turn. */
async function measureAt(service: LockService, batches: number): Promise<Medians> {
  const coordinator = await startCoordinator(service.url);
  const bare = await bareClient(service);
  const ours = async (): Promise<void> => {
    const lease = await coordinator.acquire([lockName('alone')], { waitMs: 'forever', signal: never });
    await lease.release();
  };
  const [oursMs, bareMs]: [number[], number[]] = [[], []];
  // The first round warms both up.
  for (let round = 0; round <= batches; round += 1) {
    const [own, other] = [await times(ours), bare === undefined ? [] : await times(() => bare.acquireAndRelease())];
    if (round === 0) continue;
    oursMs.push(...own);
    bareMs.push(...other);
  }
  bare?.close();
  await stopCoordinator(coordinator);
  return { oursMs: spreadOf(oursMs).medianMs, bareMs: bare === undefined ? undefined : spreadOf(bareMs).medianMs };
}

async function times(work: () => Promise<void>): Promise<readonly number[]> {
  const measured: number[] = [];
  for (let i = 0; i < batch; i += 1) {
    const since = performance.now();
    await work();
    measured.push(performance.now() - since);
  }
  return measured;
}

async function bareClient({ name, url }: LockService): Promise<BareClient | undefined> {
  switch (name) {
    case 'redis':
      return bareRedis(url);
    case 'zookeeper':
      return bareZookeeper(new URL(url).host);
    case 'etcd':
      return bareEtcd(Number(new URL(url.slice('etcd3+'.length)).port));
    case 'file':
    case 'mysql':
    case 'memcached':
      return undefined;
  }
}

/** Two round trips, as redis-py's Lock. */
function bareRedis(url: string): BareClient {
  const client = new Redis(url, { protocol: 2 });
  const release = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;
  return {
    acquireAndRelease: async () => {
      await client.set('bare', 'token', 'PX', 30_000, 'NX');
      await client.eval(release, 1, 'bare', 'token');
    },
    close: () => client.disconnect(),
  };
}

/** Three, as kazoo's Lock: make the contender's node, list them, remove it. */
async function bareZookeeper(host: string): Promise<BareClient> {
  const client = zookeeper.createClient(host);
  await new Promise<void>((resolve) => {
    client.once('connected', resolve);
    client.connect();
  });
  const create = (path: string, mode: number): Promise<string> =>
    new Promise((resolve, reject) =>
      client.create(path, Buffer.from(''), mode, (error, made) =>
        (error as Error | null) === null ? resolve(made) : reject(toError(error)),
      ),
    );
  const folder = `/bare-${randomUUID()}`;
  await create(folder, zookeeper.CreateMode.PERSISTENT);
  return {
    acquireAndRelease: async () => {
      const node = await create(`${folder}/lock-`, zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL);
      await new Promise<void>((resolve) => client.getChildren(folder, () => resolve()));
      await new Promise<void>((resolve) => client.remove(node, () => resolve()));
    },
    close: () => client.close(),
  };
}

/** Three, as Tooz's: a lease, the key where there is none, the key's removal. */
function bareEtcd(port: number): BareClient {
  const agent = new Agent({ keepAlive: true });
  const key = Buffer.from('bare').toString('base64');
  const post = (path: string, body: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port, path: `/v3/${path}`, method: 'POST', agent }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.once('end', () => resolve(JSON.parse(Buffer.concat(pieces).toString('utf8'))));
      });
      call.once('error', reject);
      call.end(JSON.stringify(body));
    });
  const absent = { key, target: 'CREATE', result: 'EQUAL', create_revision: '0' };
  const ours = { key, target: 'VALUE', result: 'EQUAL', value: key };
  return {
    acquireAndRelease: async () => {
      const { ID } = (await post('lease/grant', { TTL: '30', ID: '0' })) as { ID: string };
      await post('kv/txn', { compare: [absent], success: [{ request_put: { key, value: key, lease: ID } }] });
      await post('kv/txn', { compare: [ours], success: [{ request_delete_range: { key } }] });
    },
    close: () => agent.destroy(),
  };
}
