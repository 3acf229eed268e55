import { Redis } from 'ioredis';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import zookeeper from 'node-zookeeper-client';
import { beforeAll, expect } from 'vitest';
import { MemoryLocks } from '../../../src/coordination/drivers/memory.ts';
import { toError } from '../../../src/kernel/errors.ts';
import { expectAnswer } from '../../support/redis-server.ts';
import {
  buildOnce,
  sharedEtcd,
  sharedMariadb,
  sharedMemcached,
  sharedRedis,
  sharedZookeeper,
} from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { describeCoordinator } from './coordinator-contract.ts';

beforeAll(async () => {
  await buildOnce();
});

describeCoordinator('memory://', () => {
  const memoryLocks = new MemoryLocks();
  return Promise.resolve({
    member: { url: 'memory://', memoryLocks },
    processes: false,
    dropLock: (wireName: string) => {
      memoryLocks.drop(wireName);
      return Promise.resolve();
    },
    outlivesMs: 0,
    close: () => Promise.resolve(),
  });
});

describeCoordinator('file://', async () => {
  const dir = await makeTempDir();
  return { member: { url: `file://${dir}` }, processes: true, outlivesMs: 0, close: () => removeDir(dir) };
});

describeCoordinator('zookeeper://', async () => {
  const { hosts, namespace } = await sharedZookeeper();
  const client = zookeeper.createClient(hosts);
  await new Promise<void>((resolve) => {
    client.once('connected', resolve);
    client.connect();
  });
  const children = (folder: string): Promise<string[]> =>
    new Promise((resolve, reject) =>
      client.getChildren(folder, (error, names) => (error === null ? resolve(names) : reject(toError(error)))),
    );
  return {
    member: { url: `zookeeper://${hosts}?namespace=${namespace.replace(/^\//, '')}&timeout=4` },
    processes: true,
    dropLock: async (wireName) => {
      const folder = `/${namespace.replace(/^\//, '')}/locks/${wireName}`;
      const [first] = (await children(folder)).sort((a, b) => (a.slice(-10) < b.slice(-10) ? -1 : 1));
      await new Promise<void>((resolve) => client.remove(`${folder}/${first ?? ''}`, () => resolve()));
    },
    outlivesMs: 6000,
    close: async () => {
      client.close();
      await Promise.resolve();
    },
  };
});

describeCoordinator('redis://', async () => {
  const url = new URL((await sharedRedis()).url);
  const client = new Redis(url.href, { protocol: 2 });
  return {
    member: { url: `redis://${url.host}?db=${url.pathname.slice(1) || '0'}&lock_timeout=3` },
    processes: true,
    dropLock: async (wireName) => {
      await client.del(`b'_tooz'_b'${wireName}'_lock`, `_tooz_${wireName}_lock`);
    },
    outlivesMs: 3000,
    close: async () => {
      await client.quit();
    },
  };
});

describeCoordinator('etcd3+http://', async () => {
  const { port } = await sharedEtcd();
  return {
    member: { url: `etcd3+http://127.0.0.1:${port}?lock_timeout=3` },
    processes: true,
    dropLock: async (wireName) => {
      const key = Buffer.from(`/tooz/locks${wireName}`).toString('base64');
      const url = `http://127.0.0.1:${port}/v3/kv/deleterange`;
      const response = await fetch(url, { method: 'POST', body: JSON.stringify({ key }) });
      expect(await response.json()).toMatchObject({ deleted: '1' });
    },
    outlivesMs: 4000,
    close: () => Promise.resolve(),
  };
});

describeCoordinator('mysql://', async () => {
  const { port } = await sharedMariadb();
  const admin = await mysql.createConnection(`mysql://root@127.0.0.1:${port}/mysql`);
  return {
    member: { url: `mysql://root@127.0.0.1:${port}/mysql`, lockTtlMs: 3000 },
    processes: true,
    dropLock: async (wireName) => {
      const [[row]] = await admin.query<RowDataPacket[]>('select is_used_lock(?) as session', [wireName]);
      await admin.query(`kill ${Number(row?.['session'])}`);
    },
    outlivesMs: 3000,
    close: () => admin.end(),
  };
});

describeCoordinator('memcached://', async () => {
  const { port } = await sharedMemcached();
  return {
    member: { url: `memcached://127.0.0.1:${port}?lock_timeout=3` },
    processes: true,
    dropLock: (wireName) => expectAnswer(port, `delete __TOOZ_LOCK_${wireName}\r\n`, /^DELETED/),
    outlivesMs: 5000,
    close: () => Promise.resolve(),
  };
});
