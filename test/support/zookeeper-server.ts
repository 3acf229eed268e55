import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { expectAnswer } from './redis-server.ts';
import { startServerProcess, threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export interface ZookeeperServer extends TestServer {
  /** `127.0.0.1:PORT`. */
  readonly hosts: string;
  /** `zookeeper://127.0.0.1:PORT`, as in `[coordination] backend_url`. */
  readonly url: string;
}

/** Sessions can be as short as 2 ticks, so `tickMs` decides how fast a lost one is noticed. */
export function startZookeeper(options: { tickMs?: number } = {}): Promise<ZookeeperServer> {
  return threeTimes(async () => {
    const port = await freePort();
    const server = await startTestServer('zookeeper', {
      port,
      graceMs: 5_000,
      launch: (dir) => launch(dir, port, { tickTime: options.tickMs ?? 500 }),
    });
    const hosts = `127.0.0.1:${port}`;
    return Object.assign(server, { hosts, url: `zookeeper://${hosts}` });
  });
}

/** So many servers that elect one of them. */
export function startZookeeperEnsemble(size: number): Promise<readonly TestServer[]> {
  return threeTimes(async () => {
    const ports: [client: number, peers: number, election: number][] = [];
    for (let i = 0; i < size; i += 1) ports.push([await freePort(), await freePort(), await freePort()]);
    const peers = ports.map(([, peer, election], i) => [`server.${i + 1}`, `127.0.0.1:${peer}:${election}`]);
    const settings = { tickTime: 500, initLimit: 20, syncLimit: 10, ...(Object.fromEntries(peers) as object) };
    const start = ([port]: readonly [number, number, number], i: number): Promise<TestServer> =>
      startTestServer('zookeeper', {
        port,
        graceMs: 5_000,
        launch: async (dir) => {
          await mkdir(join(dir, 'data'), { recursive: true });
          await writeFile(join(dir, 'data', 'myid'), String(i + 1));
          return launch(dir, port, settings);
        },
      });
    return Promise.all(ports.map(start));
  });
}

async function launch(dir: string, port: number, more: object) {
  const config = join(dir, 'zoo.cfg');
  await mkdir(join(dir, 'data'), { recursive: true });
  const settings = {
    dataDir: join(dir, 'data'),
    clientPort: port,
    clientPortAddress: '127.0.0.1',
    'admin.enableServer': false,
    maxClientCnxns: 0,
    '4lw.commands.whitelist': '*',
    ...more,
  };
  await writeFile(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  return startServerProcess({
    name: 'ZooKeeper',
    argv: ['java', ...javaFlags, '-cp', classPath(), 'org.apache.zookeeper.server.quorum.QuorumPeerMain', config],
    cwd: dir,
    logFile: join(dir, 'zookeeper.log'),
    ready: () => expectAnswer(port, 'srvr', /^Mode: /m),
    readyWithinMs: 60_000,
  });
}

/** Small, and quick to start: it serves one test run. */
const javaFlags = ['-Xmx128m', '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-Dzookeeper.forceSync=no'];

/** The jars of Debian's packages zookeeper and libslf4j-java. */
export const zookeeperJars = ['/usr/share/java/zookeeper.jar', '/usr/share/java/slf4j-simple.jar'] as const;

const classPath = (): string => zookeeperJars.filter((jar) => existsSync(jar)).join(':');
