import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { RabbitAdmin } from './rabbit-admin.ts';
import { startServerProcess, threeTimes, type ServerProcess } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export interface RabbitServer extends TestServer {
  /** `amqp://guest:guest@127.0.0.1:PORT`; append `/VHOST`. The default vhost is `/%2F`. */
  readonly url: string;
  readonly admin: RabbitAdmin;
}

/** Debian's programs without its wrapper, which would change to the account of the distribution's service. */
export const rabbitProgram = '/usr/lib/rabbitmq/bin/rabbitmq-server';

interface Ports {
  readonly amqp: number;
  readonly http: number;
  readonly distribution: number;
  readonly epmd: number;
}

/** Takes about 6 s. With a port mapper (epmd) of its own, so that nothing shared is started or left running. */
export function startRabbit(options: { settings?: Record<string, string> } = {}): Promise<RabbitServer> {
  return threeTimes(async () => {
    const ports = {
      amqp: await freePort(),
      http: await freePort(),
      distribution: await freePort(),
      epmd: await freePort(),
    };
    const admin = new RabbitAdmin(`http://127.0.0.1:${ports.http}`);
    let epmd: ServerProcess | undefined;
    const server = await startTestServer('rabbit', {
      port: ports.amqp,
      graceMs: 15_000,
      lastGraceMs: 0,
      launch: async (dir) => {
        epmd ??= await startEpmd(dir, ports.epmd);
        return launch(dir, ports, admin, options.settings ?? {});
      },
      cleanUp: async () => epmd?.stop(1_000),
    });
    return Object.assign(server, { url: `amqp://guest:guest@127.0.0.1:${ports.amqp}`, admin });
  });
}

function startEpmd(dir: string, port: number): Promise<ServerProcess> {
  return startServerProcess({
    name: 'epmd',
    argv: ['epmd', '-address', '127.0.0.1', '-port', String(port)],
    cwd: dir,
    logFile: join(dir, 'epmd.log'),
    ready: () => Promise.resolve(),
    readyWithinMs: 5_000,
  });
}

async function launch(dir: string, ports: Ports, admin: RabbitAdmin, more: Record<string, string>) {
  await mkdir(join(dir, 'log'), { recursive: true });
  const settings: Record<string, string | number> = {
    'listeners.tcp.1': `127.0.0.1:${ports.amqp}`,
    'management.tcp.ip': '127.0.0.1',
    'management.tcp.port': ports.http,
    'log.console': 'false',
    // A quicker view of queues and connections for the tests that ask for them.
    collect_statistics_interval: 1_000,
    ...more,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  await writeFile(join(dir, 'rabbitmq.conf'), lines.join(''));
  await writeFile(join(dir, 'enabled_plugins'), '[rabbitmq_management].\n');
  return startServerProcess({
    name: 'RabbitMQ',
    argv: [rabbitProgram],
    env: environment(dir, ports),
    cwd: dir,
    logFile: join(dir, 'rabbit.log'),
    ready: () => admin.check(),
    readyWithinMs: 90_000,
  });
}

function environment(dir: string, ports: Ports): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOME: dir,
    RABBITMQ_NODENAME: `test${ports.amqp}@localhost`,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
    RABBITMQ_LOG_BASE: join(dir, 'log'),
    RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq'),
    RABBITMQ_CONF_ENV_FILE: join(dir, 'no-such-file'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(dir, 'rabbit.pid'),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(ports.epmd),
    // Together: the shell script is replaced by the Erlang machine, so that the pid we know is the broker's.
    RABBITMQ_ALLOW_INPUT: 'true',
    RABBITMQ_SERVER_START_ARGS: '-noinput',
    // No busy waiting: the machine is shared by the whole test run.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none',
  };
}
