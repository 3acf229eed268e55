import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import type { TestServer } from '../../support/test-server.ts';
import { Guest } from './guest.ts';
import type { GuestImage } from './guest-image.ts';
import { RpcProxy } from './rpc-proxy.ts';
import { startNfsServer } from './nfs-server.ts';

/** One NFS client: a guest, and its way to the server. */
export interface Client {
  readonly guest: Guest;
  /** The network between them. */
  readonly proxy: TcpProxy;
  /** Single calls and replies. */
  readonly calls: RpcProxy;
  /** For a driver on the host whose share helper is to work in this guest. */
  readonly helperEntry: string;
}

export interface RigOptions {
  readonly image: GuestImage;
  readonly dist: string;
  readonly clients: readonly string[];
  /** Of NFS; only 4.2 tells where the holes of a file are, so that a copy need not read them. */
  readonly version?: '4.1' | '4.2';
}

/** An NFS server on loopback and guests that have mounted its share, at the path that it has on the host. */
export class Rig {
  readonly share: string;
  readonly server: TestServer;
  readonly clients: readonly Client[];
  readonly #dir: string;

  private constructor(dir: string, share: string, server: TestServer, clients: readonly Client[]) {
    this.#dir = dir;
    this.share = share;
    this.server = server;
    this.clients = clients;
  }

  static async start({ image, dist, clients: names, version = '4.1' }: RigOptions): Promise<Rig> {
    const dir = await makeTempDir('cinder-volume-aa-nfs-');
    const share = join(dir, 'share');
    await mkdir(share);
    const server = await startNfsServer(share);
    const clients = await Promise.all(names.map((name) => startClient(name, { dir, image, dist, server })));
    const rig = new Rig(dir, share, server, clients);
    await Promise.all(clients.map((client) => rig.mount(client, version)));
    return rig;
  }

  /** `hard`, as operators mount: a call waits for its server for ever. */
  async mount({ guest, proxy }: Client, version: '4.1' | '4.2'): Promise<void> {
    const options = `vers=${version},proto=tcp,port=${proxy.port},addr=10.0.2.2,clientaddr=10.0.2.15,hard`;
    await guest.run(`mkdir -p ${this.share} && mount -t nfs4 -o ${options} 10.0.2.2:/share ${this.share}`);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.clients.map(async ({ guest, proxy, calls }) => {
        await guest.stop();
        await proxy.stop();
        await calls.stop();
      }),
    );
    await this.server.stop();
    await removeDir(this.#dir);
  }
}

async function startClient(
  name: string,
  { dir, image, dist, server }: { dir: string; image: GuestImage; dist: string; server: TestServer },
): Promise<Client> {
  const calls = await new RpcProxy(server.port).start();
  const proxy = await new TcpProxy({ port: calls.port }).start();
  const guest = await Guest.start(name, image, dir);
  const helperEntry = join(dir, `helper-in-${name}.mjs`);
  const helper = [process.execPath, '--max-semi-space-size=1', join(dist, 'src/share-helper-entry.js')];
  const module = join(import.meta.dirname, 'helper-in-guest.mjs');
  const code = [
    `import { runInGuest } from ${JSON.stringify(module)};`,
    `runInGuest(${guest.agentPort}, ${JSON.stringify(helper)});`,
  ];
  await writeFile(helperEntry, `${code.join('\n')}\n`);
  return { guest, proxy, calls, helperEntry };
}
