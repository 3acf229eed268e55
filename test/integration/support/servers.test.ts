import { existsSync } from 'node:fs';
import amqp from 'amqplib';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/poll.ts';
import { expectAnswer } from '../../support/redis-server.ts';
import { startPostgres, startRabbit, startRedis, startZookeeper, type TestServer } from '../../support/servers.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function expectGone(stopped: TestServer): Promise<void> {
  const { pid, dir } = stopped;
  await stopped.stop();
  expect(existsSync(dir)).toBe(false);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
}

describe('PostgreSQL', () => {
  it('answers, keeps committed rows over SIGKILL, and leaves nothing behind', async () => {
    const postgres = (server = await startPostgres());
    const url = await postgres.createDatabase('kept');
    const ask = async (sql: string): Promise<unknown[]> => {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query(sql).finally(() => client.end());
      return rows as unknown[];
    };
    await ask('CREATE TABLE t AS SELECT 1 AS n');
    await postgres.kill();
    await expect(ask('SELECT n FROM t')).rejects.toThrow();
    await postgres.restart();
    expect(await ask('SELECT n FROM t')).toEqual([{ n: 1 }]);
    await expectGone(postgres);
  });
});

describe('RabbitMQ', () => {
  it('answers in a vhost of its own, also after a restart, and leaves nothing behind', async () => {
    const rabbit = (server = await startRabbit());
    await rabbit.admin.createVhost('mine');
    const publish = async (): Promise<void> => {
      const connection = await amqp.connect(`${rabbit.url}/mine`);
      connection.on('error', () => undefined);
      const channel = await connection.createConfirmChannel();
      await channel.assertQueue('q', { durable: true });
      channel.sendToQueue('q', Buffer.from('x'), { persistent: true });
      await channel.waitForConfirms();
      await connection.close();
    };
    await publish();
    await rabbit.restart();
    await publish();
    const count = await eventually(async () => (await rabbit.admin.queues('mine'))[0]?.messages === 2 && 2);
    expect(count).toBe(2);
    await expectGone(rabbit);
  }, 90_000);
});

describe('Redis', () => {
  it('freezes, goes on, keeps its data if told so, and leaves nothing behind', async () => {
    const redis = (server = await startRedis({ appendOnly: true }));
    await expectAnswer(redis.port, 'SET k v\r\n', /OK/);
    redis.pause();
    await expect(expectAnswer(redis.port, 'GET k\r\n', /v/)).rejects.toThrow('no answer');
    redis.resume();
    await expectAnswer(redis.port, 'GET k\r\n', /v/);
    await redis.kill();
    await redis.restart();
    await expectAnswer(redis.port, 'GET k\r\n', /v/);
    await expectGone(redis);
  });
});

describe('ZooKeeper', () => {
  it('answers, also after a restart, and leaves nothing behind', async () => {
    const zookeeper = (server = await startZookeeper());
    await expectAnswer(zookeeper.port, 'srvr', /Mode: standalone/);
    await zookeeper.restart();
    await expectAnswer(zookeeper.port, 'srvr', /Mode: standalone/);
    await expectGone(zookeeper);
  }, 60_000);
});
