import { spawnSync } from 'node:child_process';
import { chown, cp, readFile, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:https';
import path, { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/open-database.ts';
import { listenOnLoopback } from '../../src/dev/free-port.ts';
import { HttpClient } from '../../src/openstack/http-client.ts';
import { openConnection } from '../../src/rpc/rabbit/rabbit-socket.ts';
import type { RabbitOptions } from '../../src/rpc/rabbit/rabbit-options.ts';
import { startMember, stopMember } from '../contract/coordinator/members.ts';
import { defaultRabbitOptions } from '../contract/transport/rabbit-defaults.ts';
import { lockName } from '../../src/coordination/lock-names.ts';
import { makeCertificates, type Certificates } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import {
  startEtcd,
  startMariadb,
  startPostgres,
  startRabbit,
  startRedis,
  type TestServer,
} from '../support/servers.ts';
import { buildOnce } from '../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';

/*
 * Each connection that the service makes, by TLS, with real servers and an authority that no system knows: it is made
 * with the authority and our own certificate, and refused where the authority is another one.
 */

const forever = new AbortController().signal;
const cleanUps: (() => Promise<void>)[] = [];
let tls: Certificates;
let stranger: Certificates;

beforeAll(async () => {
  await buildOnce();
  const folders = [await makeTempDir(), await makeTempDir()] as const;
  cleanUps.push(...folders.map((folder) => () => removeDir(folder)));
  [tls, stranger] = [await makeCertificates(folders[0]), await makeCertificates(folders[1])];
});
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** It is stopped when all tests have ended. */
async function started<S extends TestServer>(starting: Promise<S>): Promise<S> {
  const server = await starting;
  cleanUps.push(() => server.stop());
  return server;
}

const untrusted = /self.signed certificate|unable to verify|unable to get|unknown ca|bad signature/i;

describe.each([
  {
    service: 'redis',
    start: () => startRedis({ tls }),
    url: (port: number, ca: string) =>
      `rediss://127.0.0.1:${port}?ssl_ca_certs=${ca}&ssl_certfile=${tls.client.cert}&ssl_keyfile=${tls.client.key}`,
  },
  {
    service: 'etcd',
    start: () => startEtcd({ tls }),
    url: (port: number, ca: string) =>
      `etcd3+https://127.0.0.1:${port}?ca_cert=${ca}&cert_cert=${tls.client.cert}&cert_key=${tls.client.key}`,
  },
  {
    service: 'mysql',
    start: () => startMariadb({ settings: mariadbSettings() }),
    url: (port: number, ca: string) => `mysql://root@127.0.0.1:${port}/mysql?ssl_ca=${ca}`,
  },
])('locks on $service by TLS', ({ start, url }) => {
  it('are taken, waited for and refused to who trusts another authority', { timeout: 60_000 }, async () => {
    const { port } = await started(start());
    const member = await startMember({ url: url(port, tls.ca) });
    cleanUps.push(() => stopMember(member));
    const first = await member.acquire([lockName('tls')], { waitMs: 5_000, signal: forever });
    const second = member.acquire([lockName('tls')], { waitMs: 10_000, signal: forever });
    await first.release();
    await expect((await second).release()).resolves.toBe('released');
    await expect(startMember({ url: url(port, stranger.ca) })).rejects.toThrow(untrusted);
  });
});

describe('RabbitMQ by TLS', () => {
  let port: number;
  const open = async (changed: Partial<RabbitOptions>): Promise<void> => {
    const options = { ...defaultRabbitOptions(), ssl: true, sslCaFile: tls.ca, ...changed };
    const host = { host: '127.0.0.1', port, username: 'guest', password: 'guest' };
    const connection = await openConnection(host, '/', options);
    await connection.close();
  };

  beforeAll(async () => {
    port = await freePort();
    const settings = {
      'listeners.ssl.1': `127.0.0.1:${port}`,
      'ssl_options.cacertfile': tls.ca,
      'ssl_options.certfile': tls.server.cert,
      'ssl_options.keyfile': tls.server.key,
      'ssl_options.verify': 'verify_peer',
      'ssl_options.fail_if_no_peer_cert': 'true',
    };
    await started(startRabbit({ settings }));
  }, 120_000);

  const own = () => ({ sslCertFile: tls.client.cert, sslKeyFile: tls.client.key });

  it('is reached with the authority and our certificate, in either version of TLS', async () => {
    await open(own());
    await open({ ...own(), sslVersion: 'TLSv1_2' });
    await open({ ...own(), sslVersion: 'TLSv1_3' });
  });

  it('is reached without a check where no authority is named, as oslo.messaging does', async () => {
    await open({ ...own(), sslCaFile: '' });
  });

  it('is refused where another authority is trusted, and refuses who has no certificate', async () => {
    await expect(open({ ...own(), sslCaFile: stranger.ca })).rejects.toThrow(untrusted);
    await expect(open({})).rejects.toThrow(/certificate|closed|ECONNRESET/i);
  });
});

describe('MariaDB by TLS', () => {
  it('is reached with the authority, and refused with another', { timeout: 60_000 }, async () => {
    const server = await started(startMariadb({ settings: mariadbSettings() }));
    const url = await server.createDatabase('cinder');
    await reach(`${url.replace('mysql:', 'mysql+pymysql:')}?ssl_ca=${tls.ca}`);
    await expect(reach(`${url}?ssl_ca=${stranger.ca}`)).rejects.toThrow(untrusted);
  });
});

describe('PostgreSQL that takes nobody without TLS', () => {
  let url: string;

  beforeAll(async () => {
    const server = await started(startPostgres());
    await demandTls(server.url, server.dir);
    url = server.url.replace('postgres:', 'postgresql+psycopg2:');
  }, 60_000);

  it('is reached with every way of libpq to ask for it', async () => {
    await reach(`${url}?sslmode=verify-full&sslrootcert=${tls.ca}`);
    await reach(`${url}?sslmode=verify-ca&sslrootcert=${tls.ca}`);
    await reach(`${url}?sslmode=require`);
    await reach(`${url}?sslmode=prefer`);
    await reach(url);
  });

  it('is refused where another authority is trusted, and refuses who wants no TLS', async () => {
    await expect(reach(`${url}?sslmode=verify-full&sslrootcert=${stranger.ca}`)).rejects.toThrow(untrusted);
    await expect(reach(`${url}?sslmode=disable`)).rejects.toThrow(/pg_hba/);
  });
});

describe('OpenStack’s services by TLS', () => {
  let url: string;
  const ask = async (caFile: string | null, insecure = false): Promise<number> => {
    const files = { caFile, certFile: tls.client.cert, keyFile: tls.client.key, insecure };
    const { status } = await new HttpClient(files, 5_000).text({ method: 'GET', url, signal: forever });
    return status;
  };

  beforeAll(async () => {
    const [cert, key, ca] = await Promise.all([tls.server.cert, tls.server.key, tls.ca].map((file) => readFile(file)));
    const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (_, response) =>
      response.end('{}'),
    );
    const port = await listenOnLoopback(server);
    cleanUps.push(async () => {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    });
    url = `https://127.0.0.1:${port}/v3`;
  });

  it('are reached with the authority, or without a check where that is asked for', async () => {
    expect(await ask(tls.ca)).toBe(200);
    expect(await ask(null, true)).toBe(200);
  });

  it('are refused otherwise', async () => {
    await expect(ask(stranger.ca)).rejects.toThrow(untrusted);
    await expect(ask(null)).rejects.toThrow(untrusted);
  });
});

describe('the program', () => {
  it('trusts the authorities of the system', { timeout: 60_000 }, async () => {
    const { port } = await started(startRedis({ tls }));
    const conf = join(path.dirname(tls.ca), 'cinder.conf');
    const query = `ssl_certfile=${tls.client.cert}&ssl_keyfile=${tls.client.key}`;
    await writeFile(conf, `[coordination]\nbackend_url = rediss://127.0.0.1:${port}?${query}\n`);
    // The script itself names the build beside it.
    const bin = path.join(import.meta.dirname, '../../bin/cinder-volume-aa');
    const [firstLine = ''] = (await readFile(bin, 'utf8')).split('\n');
    const flags = firstLine.split(' ').filter((word) => word.startsWith('--'));
    const main = join(await buildOnce(), 'src/main.js');
    const lockRun = (env: NodeJS.ProcessEnv) =>
      spawnSync(process.execPath, [...flags, main, 'lock', 'run', 'tls', '--config-file', conf, '--', 'true'], {
        env: { PATH: process.env['PATH'], ...env },
        encoding: 'utf8',
      });
    expect(lockRun({ SSL_CERT_FILE: tls.ca })).toMatchObject({ status: 0, stderr: '' });
    expect(lockRun({})).toMatchObject({ status: 125, stderr: expect.stringMatching(untrusted) as string });
  });
});

const mariadbSettings = (): readonly string[] => [
  `--ssl-ca=${tls.ca}`,
  `--ssl-cert=${tls.server.cert}`,
  `--ssl-key=${tls.server.key}`,
];

/** Connects once and asks something; nothing is made. */
async function reach(url: string): Promise<void> {
  const database = openDatabase({ url, maxRetries: 0, prepareSchema: false });
  try {
    await database.start(AbortSignal.timeout(10_000));
  } finally {
    await database.stop({ force: AbortSignal.timeout(1_000) });
  }
}

/** Only what the server reads by itself counts here: its own files, its own access rules. */
async function demandTls(url: string, dir: string): Promise<void> {
  const data = join(dir, 'data');
  const { uid, gid } = await stat(data);
  for (const [name, from] of Object.entries({ 'server.crt': tls.server.cert, 'server.key': tls.server.key })) {
    const file = join(data, name);
    await cp(from, file);
    await chown(file, uid, gid);
  }
  await writeFile(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('ALTER SYSTEM SET ssl = on');
  await client.query('SELECT pg_reload_conf()');
  await client.end();
}
