import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startReplica, type ReplicaProcess } from '../../src/dev/replica-process.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { createTransport } from '../../src/rpc/create-transport.ts';
import { RpcClient } from '../../src/rpc/rpc-client.ts';
import type { Transport } from '../../src/rpc/transport.ts';
import { startFixture, type Fixture } from '../contract/db/fixture.ts';
import { defaultRabbitOptions } from '../contract/transport/rabbit-defaults.ts';
import { folderConf } from '../support/folder-conf.ts';
import { freePort } from '../support/free-port.ts';
import { buildOnce, sharedRabbit } from '../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';

const soon = (): AbortSignal => AbortSignal.timeout(60_000);

/** Replicas of the cluster `aa` that are processes of their own, on RabbitMQ and a database; and who asks them. */
export class Replicas {
  readonly dir: string;
  readonly share: string;
  readonly fixture: Fixture;
  readonly #rabbitUrl: string;
  readonly #transport: Transport;
  readonly #client: RpcClient;
  readonly #started: ReplicaProcess[] = [];

  private constructor(dir: string, share: string, fixture: Fixture, rabbitUrl: string) {
    this.dir = dir;
    this.share = share;
    this.fixture = fixture;
    this.#rabbitUrl = rabbitUrl;
    const url = rabbitUrl.replace(/^amqp:/, 'rabbit:');
    this.#transport = createTransport({ url, options: defaultRabbitOptions(), log: silentLogger });
    this.#client = new RpcClient({ transport: this.#transport, controlExchange: 'openstack', log: silentLogger });
  }

  /** All that they need, and none of them. */
  static async prepare(): Promise<Replicas> {
    const dir = await makeTempDir();
    const share = join(dir, 'share');
    await mkdir(share);
    const replicas = new Replicas(dir, share, await startFixture('postgres'), (await sharedRabbit()).url);
    await replicas.#transport.start(soon());
    return replicas;
  }

  /** How many were started, dead ones too. */
  get count(): number {
    return this.#started.length;
  }

  /** One more, which serves when this resolves; `adapt` gives its conf file what this test needs besides. */
  async start(host: string, adapt = (conf: string): string => conf): Promise<void> {
    const healthPort = await freePort();
    const configFile = join(this.dir, `${host}.conf`);
    const servers = { rabbitUrl: this.#rabbitUrl, databaseUrl: this.fixture.url };
    await writeFile(configFile, adapt(folderConf({ host, dir: this.dir, share: this.share, healthPort, ...servers })));
    const program = join(await buildOnce(), 'src/main.js');
    const logFile = join(this.dir, `${host}.log`);
    const replica = await startReplica({ name: host, program, configFile, logFile, healthPort });
    this.#started.push(replica);
    await replica.ready(soon());
  }

  cast(backend: string, method: string, args: JsonObject): Promise<void> {
    return this.#client.cast({ topic: `cinder-volume.${backend}` }, method, '3.0', args, soon());
  }

  async kill(pid: number): Promise<void> {
    await this.#started.find((replica) => replica.pid === pid)?.kill();
  }

  async stop(): Promise<void> {
    await this.#client.stop();
    await this.#transport.stop({ force: soon() });
    for (const replica of this.#started) await replica.stop(10_000);
    await this.fixture.close();
    await removeDir(this.dir);
  }
}
